"""Drawing tracked faces and their identities on a frame."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.draw import draw_landmarks, draw_text
from face_alignment_3d.video.tracked_face import TrackedFace3D

#: Height of a capital of the note, pixels.
_NOTE: Final = 13.0


def draw_tracked(
    image_rgb: npt.NDArray[np.uint8], faces: Sequence[TrackedFace3D], *, note: str = ""
) -> npt.NDArray[np.uint8]:
    """A new RGB picture (H, W, 3) of the frame with the faces' landmarks and ids on it.

    ``note`` is written into the top-left corner.
    """
    picture = draw_landmarks(image_rgb, faces, ids=True)
    if note:
        draw_text(picture, note, (_NOTE / 2, 2 * _NOTE), _NOTE)
    return picture
