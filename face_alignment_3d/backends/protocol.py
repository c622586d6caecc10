"""The interface between the aligner and a runtime of the cascade."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop
from face_alignment_3d.networks.geometry import CascadeGeometry


class Crops(Protocol):
    """A batch of RGB crops, uint8 (B, S, S, 3): an array, or an object that makes them on request.

    Slices may be asked for by several threads at a time.
    """

    def __len__(self) -> int:
        """The number B of crops."""
        ...

    def __getitem__(self, part: slice, /) -> npt.NDArray[np.uint8]:
        """The crops of a part of the batch, (b, S, S, 3)."""
        ...


class CropSource(NamedTuple):
    """A photo and the window on it."""

    photo: npt.NDArray[np.uint8]
    """(H, W, 3) RGB, or a crop that is made already."""
    crop: Crop
    """The window on ``photo`` that the crop shows."""


@runtime_checkable
class SourcedCrops(Crops, Protocol):
    """Crops that a backend may make itself, on its device. Each is then not asked for."""

    @property
    def sources(self) -> Sequence[CropSource]:
        """(B,): for :meth:`Crop.sample`, or what is equal to it within rounding."""
        ...


class CascadeOutput(NamedTuple):
    """The cascade's results for B crops, float32."""

    points: npt.NDArray[np.float32]
    """(B, N, 3): x, y, z in crop pixels."""
    confidence: npt.NDArray[np.float32]
    """(B, N) in [0, 1]; see :attr:`face_alignment_3d.Face3D.confidence`."""
    visibility: npt.NDArray[np.float32] | None
    """(B, N) in [0, 1]: the probability that the point can be seen; None when not predicted."""


class Backend(Protocol):
    """A cascade in a runtime; may be used from several threads. It may load when it is first used."""

    @property
    def name(self) -> str:
        """The runtime's name, such as "torch" or "onnx"."""
        ...

    @property
    def device(self) -> str:
        """The device that the network runs on: "cpu", "cuda:0", ..."""
        ...

    @property
    def geometry(self) -> CascadeGeometry:
        """The sizes of its crops and outputs."""
        ...

    def run(self, crops: Crops) -> CascadeOutput:
        """Runs the cascade on B >= 1 crops; each crop is asked for once. Exceptions of ``crops`` pass."""
        ...
