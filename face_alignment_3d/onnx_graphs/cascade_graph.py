"""The whole cascade as one ONNX graph: crops in, points out."""

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.folding import fold_batch_norms
from face_alignment_3d.networks.geometry import COORDINATES
from face_alignment_3d.onnx_graphs.metadata import CASCADE_FORMAT, GRAPH_VERSION
from face_alignment_3d.onnx_graphs.writing import to_onnx
from face_alignment_3d.torch_settings import own_loading
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.safetensors_file import read_weight_file

INPUT = "crops"
OUTPUTS = ("points", "z", "confidence")
#: Of a cascade that has that part.
VISIBILITY = "visibility"


class _CascadeGraph(nn.Module):
    """The module that becomes the graph: the cascade, with the layout and types of inputs and outputs."""

    def __init__(self, cascade: Cascade) -> None:
        super().__init__()
        self.cascade = cascade

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        image = self.cascade.normalize(crops.permute(0, 3, 1, 2))
        landmarks_2d = self.cascade.predict_2d(image)
        z = self.cascade.regress_depth(image, landmarks_2d.points)
        outputs = (landmarks_2d.points, z, self.cascade.confidence(landmarks_2d))
        if self.cascade.visibility is None:
            return outputs
        return (*outputs, torch.sigmoid(self.cascade.visibility_logits(landmarks_2d, z)))


def cascade_graph(weights: Path, *, sha256: str | None = None) -> bytes:
    """The ONNX file of the cascade in a weight file, as :func:`cascade_to_onnx` writes it.

    The metadata has that of the weight file (preset, geometry, markup, coordinates), the SHA-256 of that file
    and the version of the library. With ``sha256``, the weight file must have that SHA-256.

    Raises :class:`WeightsError` for a weight file that cannot be loaded or has another SHA-256, and
    :class:`BackendError` where the packages that write ONNX are not installed.
    """
    file = read_weight_file(weights, sha256=sha256)
    with own_loading():
        cascade = load_cascade(file)
    return cascade_to_onnx(
        cascade,
        metadata={
            **file.metadata,
            "format": CASCADE_FORMAT,
            "graph_version": GRAPH_VERSION,
            "coordinates": COORDINATES,
            "library_version": __version__,
            "weights_sha256": file.sha256,
        },
    )


def cascade_to_onnx(cascade: Cascade, *, metadata: Mapping[str, str]) -> bytes:
    """A cascade in eval mode as one graph, by torch's exporter, with 32-bit weights inside.

    Inputs and outputs of the graph:

    - input ``crops``: (batch, S, S, 3) uint8 RGB, any batch; S is the geometry's ``input_size``;
    - outputs, float32: ``points`` (batch, N, 2) x, y and ``z`` (batch, N) in crop pixels, ``confidence``
      (batch, N) in [0, 1] and, of a cascade that has that part, ``visibility`` (batch, N) in [0, 1].

    Normalization, rendering and decoding are inside; batch norms are folded. ``cascade`` is left as it was.

    Raises :class:`BackendError` where the packages that write ONNX are not installed.
    """
    with own_loading():
        cascade = copy.deepcopy(cascade)
        fold_batch_norms(cascade)
        size = cascade.geometry.input_size
        example = torch.zeros(
            2, size, size, 3, dtype=torch.uint8
        )  # Of 1, the batch were taken for a constant.
    return to_onnx(
        _CascadeGraph(cascade),
        example,
        dynamic={0: "batch"},
        inputs=[INPUT],
        outputs=OUTPUTS if cascade.visibility is None else (*OUTPUTS, VISIBILITY),
        metadata=metadata,
    )
