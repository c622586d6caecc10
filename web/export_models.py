"""The networks for the browser: python export_models.py FOLDER WEIGHTS...

WEIGHTS are names in the manifest or .safetensors files; the first is the default. The cascades' graphs store
weights in 16 bits and compute in 32. The detectors' are small and stay as they are: their choice between
candidates depends on the last digits.
"""

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
from face_alignment_3d.detection.mtcnn import MTCNN_BOXES, MTCNNDetector
from face_alignment_3d.detection.mtcnn_graphs import detector_graphs
from face_alignment_3d.detection.mtcnn_stages import GRAPH_FILE_NAMES
from face_alignment_3d.detection.scout.detector import ScoutDetector
from face_alignment_3d.detection.scout.graph import scout_graph
from face_alignment_3d.detection.scout.layout import STRIDES, UNIT_STRIDES
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.onnx_graphs.cascade_graph import cascade_graph
from face_alignment_3d.pose.mean_face import MEAN_FACE, RIGID_WEIGHTS
from face_alignment_3d.weights.store import resolve_weights

#: Tensors with fewer values stay as they are: they weigh nothing, and biases are worth their bits.
LEAST_VALUES = 1024


def main() -> None:
    """Writes the graphs of the cascades and the detectors, blendshapes.safetensors and models.json."""
    folder, weights = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(resolve_weights("blendshapes"), folder / "blendshapes.safetensors")
    info = {
        "cascades": [write_cascade(name, folder) for name in weights],
        "detectors": [write_scout(folder), write_mtcnn(folder)],
        "blendshapes": {"file": "blendshapes.safetensors"},
        "min_confidence": MIN_CONFIDENCE,
        "pose": {"mean_face": MEAN_FACE.tolist(), "weights": RIGID_WEIGHTS.tolist()},
        "mirror": MIRROR.tolist(),
    }
    (folder / "models.json").write_text(json.dumps(info) + "\n", encoding="utf-8")


def write_cascade(weights: str, folder: Path) -> dict[str, Any]:
    """Writes the graph of the cascade of these weights; the page needs to know what is returned."""
    cascade, name = cascade_graph(resolve_weights(weights)), Path(weights).stem
    (folder / f"{name}.onnx").write_bytes(in_half_size(cascade))
    return {"name": name, "file": f"{name}.onnx", **described(cascade)}


def described(cascade: bytes) -> dict[str, Any]:
    """What a graph's metadata says that the page needs to know."""
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(cascade).metadata_props}
    return {
        "preset": metadata["preset"],
        "input_size": int(metadata["input_size"]),
        "crop_scale": float(metadata["crop_scale"]),
        "weights_sha256": metadata["weights_sha256"],
        "license": metadata.get("license"),
    }


def write_mtcnn(folder: Path) -> dict[str, Any]:
    """Writes the graphs of MTCNN; what web/src/aligner/detection/mtcnn.ts has to know of it."""
    for name, graph in detector_graphs().items():
        (folder / name).write_bytes(graph)
    boxes = MTCNN_BOXES
    return {
        "name": "mtcnn",
        "files": dict(GRAPH_FILE_NAMES),
        "calibration": {"shift": [boxes.shift_x, boxes.shift_y], "scale": [boxes.scale_x, boxes.scale_y]},
        "threshold": MTCNNDetector().threshold,
    }


def write_scout(folder: Path) -> dict[str, Any]:
    """Writes the graph of the scout; what web/src/aligner/detection/scout.ts has to know of it."""
    (folder / "scout.onnx").write_bytes(scout_graph(resolve_weights("scout")))
    detector = ScoutDetector(backend="onnx")
    return {
        "name": "scout",
        "file": "scout.onnx",
        "strides": STRIDES,
        "unit_strides": UNIT_STRIDES,
        "threshold": detector.threshold,
        "search": asdict(detector.searches),
    }


def in_half_size(graph: bytes) -> bytes:
    """The graph with its large float32 tensors stored as float16, each behind a cast back."""
    model = onnx.load_from_string(graph)
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST_VALUES:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    for place, cast in enumerate(casts):
        model.graph.node.insert(place, cast)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


if __name__ == "__main__":
    main()
