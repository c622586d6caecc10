"""A scale that explains the colors of depth."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.draw.colors import OUTLINE_COLOR, depth_colors
from face_alignment_3d.draw.text import draw_text, text_width
from face_alignment_3d.face import Face3D

_TEXT_COLOR: Final = (235, 235, 235)
#: Capitals as a share of the picture's shorter side, and in pixels at least.
_CAPITAL: Final = (1 / 48, 6.0)


def draw_depth_legend(picture: npt.NDArray[np.uint8], faces: Sequence[Face3D] = ()) -> None:
    """Draws into the RGB ``picture`` (H, W, 3) a scale of the colors from near to far.

    It is placed in the corner where it covers least of ``faces``, and left out of a picture that is too small
    for it (about 60 pixels).
    """
    share, least = _CAPITAL
    capital = max(share * min(picture.shape[:2]), least)
    pad, bar = round(0.9 * capital), round(1.1 * capital)
    length = round(8 * capital)
    width = round(2.6 * pad + bar + text_width("near", capital))
    height = length + 2 * pad
    if height > picture.shape[0] or width > picture.shape[1]:
        return
    x, y = _corner(picture, faces, width, height, round(0.8 * capital))
    panel = picture[y : y + height, x : x + width]
    np.copyto(panel, np.rint(0.3 * panel + 0.7 * np.array(OUTLINE_COLOR, np.float32)), casting="unsafe")
    colors = depth_colors(np.arange(length))
    panel[pad : pad + length, pad : pad + bar] = colors[:, None]
    left = x + 1.6 * pad + bar
    draw_text(picture, "near", (left, y + pad + capital), capital, color=_TEXT_COLOR)
    draw_text(picture, "far", (left, y + pad + length), capital, color=_TEXT_COLOR)


def _corner(
    picture: npt.NDArray[np.uint8], faces: Sequence[Face3D], width: int, height: int, margin: int
) -> tuple[int, int]:
    """Top-left pixel of the panel."""
    right, bottom = picture.shape[1] - width, picture.shape[0] - height
    left, top = min(margin, right), min(margin, bottom)
    corners = [(x, y) for y in (bottom - top, top) for x in (right - left, left)]

    def covered(corner: tuple[int, int]) -> float:
        total = 0.0
        for face in faces:
            x0, y0, x1, y1 = (float(v) for v in box_around(face.landmarks))
            total += max(min(x1, corner[0] + width) - max(x0, corner[0]), 0) * max(
                min(y1, corner[1] + height) - max(y0, corner[1]), 0
            )
        return total

    return min(corners, key=covered)
