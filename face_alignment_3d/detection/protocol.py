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


@runtime_checkable
class BatchFaceDetector(FaceDetector, Protocol):
    """A detector that finds the faces of several photos sooner together than one by one.

    The aligner hands it photos together where it has several; a detector without these two members is asked
    photo by photo.
    """

    @property
    def photos_at_a_time(self) -> int:
        """The number of photos to hand over together; 1 where nothing is gained, as may be so on a CPU.

        So many decoded photos are in memory at a time; large ones are fewer
        (:data:`face_alignment_3d.photo_views.MOST_PIXELS`).
        """
        ...

    def detect_batch(self, images_rgb: Sequence[npt.NDArray[np.uint8]], /) -> Sequence[Sequence[Detection]]:
        """:meth:`detect` of each image; sizes may differ.

        There may be more or fewer images than :attr:`photos_at_a_time`, and none. An exception may be due to
        any image: :meth:`detect` is then called for each.
        """
        ...


def photos_at_a_time(detector: FaceDetector) -> int:
    """The number of photos, at least 1, that ``detector`` is to be given together."""
    return max(1, detector.photos_at_a_time) if isinstance(detector, BatchFaceDetector) else 1


class LazyDetector(ABC):
    """A detector that loads its networks at the first use, or by :meth:`load`."""

    @abstractmethod
    def load(self) -> None:
        """Loads the networks now. Raises as the first ``detect`` would."""


def check_image(image_rgb: npt.NDArray[np.uint8]) -> None:
    """Raises :class:`ImageError` for anything but an (H, W, 3) uint8 array of at least one pixel."""
    if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or not image_rgb.size:
        raise ImageError(
            "detectors expect an (H, W, 3) uint8 RGB array of at least one pixel; "
            f"got {image_rgb.dtype} {image_rgb.shape}: see face_alignment_3d.images.as_rgb"
        )
