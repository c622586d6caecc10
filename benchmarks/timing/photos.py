"""The photos that every contender gets: scikit-image's astronaut (public domain), in three sizes."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from face_alignment_3d import FaceAligner3D

SIDES = (250, 640, 1280)


@dataclass(frozen=True)
class Photo:
    """A photo with one face."""

    side: int
    """Width and height in pixels."""

    file: Path
    """.npy, (side, side, 3) uint8 RGB: no contender's time has a decoder in it."""

    box: tuple[float, ...]
    """x0, y0, x1, y1 of the face: the detector's, the same for all."""


def write_photos(folder: Path, aligner: FaceAligner3D) -> dict[int, Photo]:
    """Writes the photo in each size and finds its face. Raises RuntimeError where that is not one face."""
    photos = {}
    for side in SIDES:
        image = resized(skimage.data.astronaut(), side)
        faces = aligner.detect(image)
        if len(faces) != 1:
            raise RuntimeError(
                f"expected one face in the photo of {side} px; the detector found {len(faces)}"
            )
        file = folder / f"photo-{side}.npy"
        np.save(file, image)
        photos[side] = Photo(side, file, tuple(float(edge) for edge in faces[0].box))
    return photos


def resized(photo: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """``photo`` with a longer side of ``side`` pixels."""
    longer = max(photo.shape[:2])
    method = cv2.INTER_AREA if side < longer else cv2.INTER_LINEAR
    scale = side / longer
    return np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=method), dtype=np.uint8)
