"""MTCNN's three networks as ONNX files, made from the weights in facenet-pytorch's wheel."""

from collections.abc import Mapping

import torch

from face_alignment_3d.detection.mtcnn_stages import GRAPH_FILE_NAMES, OUTPUT_SIZE, REFINEMENT_SIZE
from face_alignment_3d.detection.mtcnn_torch import load_stages
from face_alignment_3d.detection.prelu import without_prelu
from face_alignment_3d.onnx_graphs.metadata import DETECTOR_FORMAT, GRAPH_VERSION
from face_alignment_3d.onnx_graphs.writing import to_onnx
from face_alignment_3d.version import __version__


def detector_graphs() -> Mapping[str, bytes]:
    """File name -> ONNX file of each of the networks: see :func:`detector_graph`."""
    return {name: detector_graph(name) for name in GRAPH_FILE_NAMES.values()}


def detector_graph(name: str) -> bytes:
    """The ONNX file of a network, by the file's name, from torch's exporter.

    Each has one input, RGB ``pixels`` in [0, 255], and two float32 outputs, ``offsets`` and ``scores``:

    - ``mtcnn-proposal.onnx``: (height, width, 3) uint8 -> (4, h, w) and (h, w);
    - ``mtcnn-refinement.onnx``: (batch, 24, 24, 3) float32 -> (batch, 4) and (batch,);
    - ``mtcnn-output.onnx``: (batch, 48, 48, 3) float32 -> (batch, 4) and (batch,).

    Raises :class:`BackendError` where the packages that write ONNX are not installed.
    """
    stage = next(stage for stage, file in GRAPH_FILE_NAMES.items() if file == name)
    proposal, refinement, output = load_stages()
    for each in (proposal, refinement, output):
        without_prelu(each.network)
    examples = {
        "proposal": (proposal, torch.zeros(50, 60, 3, dtype=torch.uint8), {0: "height", 1: "width"}),
        "refinement": (refinement, torch.zeros(2, REFINEMENT_SIZE, REFINEMENT_SIZE, 3), {0: "batch"}),
        "output": (output, torch.zeros(2, OUTPUT_SIZE, OUTPUT_SIZE, 3), {0: "batch"}),
    }
    module, example, dynamic = examples[stage]
    return to_onnx(
        module,
        example,
        dynamic=dynamic,
        inputs=["pixels"],
        outputs=["offsets", "scores"],
        metadata={
            "format": DETECTOR_FORMAT,
            "graph_version": GRAPH_VERSION,
            "stage": stage,
            "library_version": __version__,
            "weights": "facenet-pytorch (MIT)",
        },
    )
