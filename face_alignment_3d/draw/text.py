"""Text on a picture."""

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.draw.colors import OUTLINE_COLOR

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_COLOR: Final = (255, 242, 120)
#: Height of a capital of OpenCV's font at scale 1, pixels.
_CAPITAL: Final = 21.0
#: Width of the narrowest letter as a share of a capital's height, at most.
_NARROWEST: Final = 0.25
#: Text is drawn with capitals of this height or more, and averaged down.
_FINE_CAPITAL: Final = 42.0


def draw_text(
    picture: npt.NDArray[np.uint8],
    text: str,
    at: tuple[float, float],
    height: float,
    *,
    color: tuple[int, int, int] = _TEXT_COLOR,
) -> None:
    """Writes ASCII ``text`` into the RGB ``picture`` (H, W, 3), with a dark rim.

    ``at`` is the left end of the baseline and ``height`` that of a capital, in pixels; it is at most the
    picture's. Text that would leave the picture is moved inside as far as it fits. Raises ValueError for a
    ``height`` below 1.
    """
    if not height >= 1:
        raise ValueError(f"height must be at least 1 pixel; got {height}")
    height = max(min(height, float(picture.shape[0])), 1.0)
    text = text[: math.ceil(picture.shape[1] / (_NARROWEST * height)) + 1]
    zoom = max(1, math.ceil(_FINE_CAPITAL / height))
    scale = zoom * height / _CAPITAL
    stroke = max(1, round(0.13 * height * zoom))
    rim = max(1, round(0.18 * height * zoom))
    (wide, tall), below = cv2.getTextSize(text, _FONT, scale, stroke)
    pad = rim + stroke
    size = np.array([wide + 2 * pad, tall + below + 2 * pad])
    size += -size % zoom
    covered = np.zeros((size[1], size[0]), np.uint8)
    inner = np.zeros_like(covered)
    origin = (pad, pad + tall)
    cv2.putText(covered, text, origin, _FONT, scale, 255, stroke + 2 * rim, cv2.LINE_AA)
    cv2.putText(inner, text, origin, _FONT, scale, 255, stroke, cv2.LINE_AA)
    small = (int(size[0]) // zoom, int(size[1]) // zoom)
    cover, body = (
        cv2.resize(mask, small, interpolation=cv2.INTER_AREA)[:, :, None] / np.float32(255)
        for mask in (covered, inner)
    )
    limits = (picture.shape[1] - small[0], picture.shape[0] - small[1])
    x = max(min(round(at[0]) - pad // zoom, limits[0]), 0)
    y = max(min(round(at[1]) - origin[1] // zoom, limits[1]), 0)
    part = picture[y : y + small[1], x : x + small[0]]
    cover, body = cover[: part.shape[0], : part.shape[1]], body[: part.shape[0], : part.shape[1]]
    rimmed = part + (np.array(OUTLINE_COLOR, np.float32) - part) * cover
    np.copyto(part, np.rint(rimmed + (np.array(color, np.float32) - rimmed) * body), casting="unsafe")


def text_width(text: str, height: float) -> float:
    """Pixels that ``text`` with capitals of ``height`` takes from left to right, without its rim."""
    (wide, _), _ = cv2.getTextSize(text, _FONT, _FINE_CAPITAL / _CAPITAL, round(0.13 * _FINE_CAPITAL))
    return float(wide * height / _FINE_CAPITAL)
