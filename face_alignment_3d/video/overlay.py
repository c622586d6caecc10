"""Tracked faces drawn on a frame, with who they are."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.draw import draw_landmarks
from face_alignment_3d.video.tracked_face import TrackedFace3D

_TEXT: Final = (255, 242, 120)
_RIM: Final = (12, 14, 24)


def draw_tracked(
    image_rgb: npt.NDArray[np.uint8], faces: Sequence[TrackedFace3D], *, note: str = ""
) -> npt.NDArray[np.uint8]:
    """A new RGB picture (H, W, 3) of the frame with the faces' landmarks and ids on it.

    ``note`` is written into the top-left corner.
    """
    picture = draw_landmarks(image_rgb, faces)
    for face in faces:
        x0, y0, x1, _ = (float(v) for v in box_around(face.landmarks))
        scale = min(max((x1 - x0) / 200, 0.4), 2.0)
        _write(picture, str(face.track_id), (x0, y0 - 8 * scale), scale)
    if note:
        _write(picture, note, (8, 8 + 22 * 0.6), 0.6)
    return picture


def _write(picture: npt.NDArray[np.uint8], text: str, at: tuple[float, float], scale: float) -> None:
    height, width = picture.shape[:2]
    place = (round(min(max(at[0], 0), width - 1)), round(min(max(at[1], 22 * scale), height - 1)))
    for color, rim in ((_RIM, 2), (_TEXT, 0)):
        thickness = max(1, round(1.5 * scale)) + rim
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, thickness, cv2.LINE_AA)
