"""The networks for the browser: python export_models.py WEIGHTS FOLDER

WEIGHTS is a name in the manifest or a .safetensors file. Graphs store weights in 16 bits and compute in 32.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from face_alignment_3d.onnx_graphs.cascade_graph import cascade_graph
from face_alignment_3d.onnx_graphs.detector_graphs import detector_graphs
from face_alignment_3d.weights.store import resolve_weights

#: Tensors with fewer values stay as they are: they weigh nothing, and biases are worth their bits.
LEAST_VALUES = 1024


def main() -> None:
    """Writes cascade.onnx, the detector's three graphs and models.json."""
    weights, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    cascade = cascade_graph(resolve_weights(weights))
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(cascade).metadata_props}
    info = {
        "preset": metadata["preset"],
        "input_size": int(metadata["input_size"]),
        "crop_scale": float(metadata["crop_scale"]),
        "weights_sha256": metadata["weights_sha256"],
        "license": metadata.get("license"),
    }
    for name, graph in {"cascade.onnx": cascade, **detector_graphs()}.items():
        (folder / name).write_bytes(in_half_size(graph))
    (folder / "models.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")


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
