"""The scout's network as an ONNX file; needs torch."""

from pathlib import Path

import torch

from face_alignment_3d.detection.scout.weights_file import load_scout
from face_alignment_3d.networks.folding import fold_batch_norms
from face_alignment_3d.onnx_graphs.metadata import GRAPH_VERSION, SCOUT_FORMAT
from face_alignment_3d.onnx_graphs.writing import to_onnx
from face_alignment_3d.torch_settings import own_loading
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.safetensors_file import read_weight_file


def scout_graph(weights: Path, *, sha256: str | None = None) -> bytes:
    """The ONNX file of the scout in a weight file, by torch's exporter.

    ``pictures`` (batch, height, width, 3) uint8 RGB -> ``cells`` (batch, N, 7) float32, see :mod:`.layout`.
    With ``sha256``, the weight file must have that SHA-256.

    Raises :class:`WeightsError` for a file that cannot be loaded or has another SHA-256, and
    :class:`BackendError` where the packages that write ONNX are not installed.
    """
    file = read_weight_file(weights, sha256=sha256)
    with own_loading():
        network = load_scout(file)
        fold_batch_norms(network)
    return to_onnx(
        network,
        torch.zeros(2, 96, 128, 3, dtype=torch.uint8),
        dynamic={0: "batch", 1: "height", 2: "width"},
        inputs=["pictures"],
        outputs=["cells"],
        metadata={
            **file.metadata,
            "format": SCOUT_FORMAT,
            "graph_version": GRAPH_VERSION,
            "library_version": __version__,
            "weights_sha256": file.sha256,
        },
    )
