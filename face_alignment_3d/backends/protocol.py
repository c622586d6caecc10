"""What the aligner asks of a runtime."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from face_alignment_3d.networks.geometry import CascadeGeometry


class Backend(Protocol):
    """A loaded cascade, ready to run; may be used from several threads."""

    @property
    def name(self) -> str:
        """ "torch" or "onnx"."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", ..."""
        ...

    @property
    def geometry(self) -> CascadeGeometry:
        """The sizes of its crops and outputs."""
        ...

    def run(self, crops: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(B, S, S, 3) RGB crops -> points (B, N, 3) in crop pixels and confidence (B, N) in [0, 1]."""
        ...
