"""The interface between the aligner and a face detector."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import ImageError


@dataclass(frozen=True, eq=False)
class Detection:
    """One face that a detector found."""

    box: npt.NDArray[np.float32]
    """(4,): x0, y0, x1, y1 in image pixels, (0, 0) the center of the top-left pixel. This is the reference
    box, tight around the landmarks: from the brows to the chin and from jaw to jaw. It may reach outside the
    image where the face does."""

    score: float
    """The detector's certainty that this is a face, in [0, 1]."""

    roll: float = 0.0
    """The lean of the head in the image plane in radians, clockwise on screen; 0 where it is not known. A
    rough value is enough: it levels the crop, so that the network sees the face upright."""


@runtime_checkable
class FaceDetector(Protocol):
    """Anything with this one method can find the faces for :class:`face_alignment_3d.FaceAligner3D`.

    A detector whose boxes have another extent (that include the forehead, for example) converts them with a
    :class:`face_alignment_3d.detection.calibration.BoxCalibration`. One that is used from several threads
    must allow that itself.
    """

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> Sequence[Detection]:
        """The faces of an (H, W, 3) uint8 RGB image, in any order; an empty sequence when there is none."""
        ...


class LazyDetector(ABC):
    """A detector that loads its networks at the first use, or by :meth:`load`."""

    @abstractmethod
    def load(self) -> None:
        """Loads the networks now. Raises as the first ``detect`` would."""


def check_image(image_rgb: npt.NDArray[np.uint8]) -> None:
    """Raises :class:`ImageError` for anything but an (H, W, 3) uint8 array."""
    if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
        raise ImageError(
            "detectors expect an (H, W, 3) uint8 RGB array; "
            f"got {image_rgb.dtype} {image_rgb.shape}: see face_alignment_3d.images.as_rgb"
        )
