"""What the aligner asks of a runtime."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from face_alignment_3d.networks.geometry import CascadeGeometry


class Crops(Protocol):
    """A batch of RGB crops, uint8 (B, S, S, 3): an array, or what makes the crops when they are asked for.

    Slices may be asked for by several threads at a time.
    """

    def __len__(self) -> int:
        """B."""
        ...

    def __getitem__(self, part: slice, /) -> npt.NDArray[np.uint8]:
        """The crops of a part of the batch, (b, S, S, 3)."""
        ...


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

    def run(self, crops: Crops) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """B crops -> points (B, N, 3) in crop pixels and confidence (B, N) in [0, 1].

        Each crop is asked for once. What asking for it raises is raised here.
        """
        ...
