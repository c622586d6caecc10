"""A drawing at several times the size, averaged down onto a picture: sharp thin lines at sub-pixel places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import rescale
from face_alignment_3d.draw.colors import OUTLINE_COLOR
from face_alignment_3d.face import Face3D

# Lengths as shares of the face's size, and in pixels at least.
_LINE_WIDTH: Final = (1 / 110, 0.8)
_DOT_RADIUS: Final = (1 / 85, 0.6)
_OUTLINE: Final = (1 / 260, 0.35)

#: The drawing is enlarged until its lines are this wide.
_FINE_LINE: Final = 5.0

#: Fractional bits of the coordinates that OpenCV draws at.
_SHIFT: Final = 6
#: The largest width of a line that OpenCV draws, and the largest coordinate and radius that it is given.
_WIDEST: Final = 32767
_FARTHEST: Final = 1e6


def face_size(face: Face3D) -> float:
    """The root of the area of the landmarks' bounding box, pixels; at least 1."""
    extent = np.ptp(np.asarray(face.landmarks, np.float64)[:, :2], axis=0)
    return max(math.sqrt(float(np.prod(extent))), 1.0)


def line_width(size: float) -> float:
    """Width in pixels of the lines of a face of ``size``."""
    return _length(_LINE_WIDTH, size)


def dot_radius(size: float) -> float:
    """Radius in pixels of the points of a face of ``size``."""
    return _length(_DOT_RADIUS, size)


def _length(rule: tuple[float, float], size: float) -> float:
    share, least = rule
    return max(share * size, least)


@dataclass
class Layer:
    """An enlarged drawing over a part of a picture, and where it covers it."""

    part: npt.NDArray[np.uint8]
    """View of the picture under the drawing."""
    origin: npt.NDArray[np.float64]
    """The part's top-left pixel in the picture: x, y."""
    zoom: int
    outline: float
    """Width of the dark rim in picture pixels."""
    ink: npt.NDArray[np.uint8]
    cover: npt.NDArray[np.uint8]

    @classmethod
    def over(
        cls, picture: npt.NDArray[np.uint8], points: npt.NDArray[np.float64], size: float
    ) -> "Layer | None":
        """A blank layer around ``points`` (N, 2) of a face of ``size``; None if they miss the picture."""
        margin = math.ceil(size / 20) + 3
        limits = np.array([picture.shape[1], picture.shape[0]])
        low = np.clip(np.floor(points.min(axis=0)) - margin, 0, limits).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)) + margin + 1, 0, limits).astype(int)
        if (high <= low).any():
            return None
        part = picture[low[1] : high[1], low[0] : high[0]]
        zoom = max(1, math.ceil(_FINE_LINE / line_width(size)))
        shape = (part.shape[0] * zoom, part.shape[1] * zoom)
        ink = np.full((*shape, 3), OUTLINE_COLOR, np.uint8)
        return cls(
            part, low.astype(np.float64), zoom, _length(_OUTLINE, size), ink, np.zeros(shape, np.uint8)
        )

    def line(
        self,
        start: npt.NDArray[np.float64],
        stop: npt.NDArray[np.float64],
        width: float,
        color: Sequence[int],
        *,
        opacity: float = 1.0,
    ) -> None:
        """A line in picture pixels with its rim."""
        ends = (self._fixed(start), self._fixed(stop))
        wide, narrow = (min(max(1, round(w * self.zoom)), _WIDEST) for w in (width + 2 * self.outline, width))
        cv2.line(self.cover, *ends, round(255 * opacity), wide, cv2.LINE_AA, _SHIFT)
        cv2.line(self.ink, *ends, OUTLINE_COLOR, wide, cv2.LINE_AA, _SHIFT)
        cv2.line(self.ink, *ends, [int(c) for c in color], narrow, cv2.LINE_AA, _SHIFT)

    def dot(
        self,
        center: npt.NDArray[np.float64],
        radius: float,
        color: Sequence[int],
        *,
        opacity: float = 1.0,
        hollow: bool = False,
    ) -> None:
        """A disk with its rim; a ring through which the picture is seen where ``hollow``."""
        at = self._fixed(center)
        outer = radius + self.outline
        self._disk(self.cover, at, outer, round(255 * opacity))
        self._disk(self.ink, at, outer, OUTLINE_COLOR)
        self._disk(self.ink, at, radius, [int(c) for c in color])
        if hollow:
            self._disk(self.ink, at, 0.6 * radius, OUTLINE_COLOR)
            self._disk(self.cover, at, 0.6 * radius - self.outline / 2, 0)

    def blend(self) -> None:
        """Lays the drawing over the picture."""
        height, width = self.part.shape[:2]
        ink = cv2.resize(self.ink, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        cover = cv2.resize(self.cover, (width, height), interpolation=cv2.INTER_AREA)[
            :, :, None
        ] / np.float32(255)
        np.copyto(self.part, np.rint(self.part + (ink - self.part) * cover), casting="unsafe")

    def _disk(
        self, canvas: npt.NDArray[np.uint8], at: tuple[int, int], radius: float, color: int | Sequence[int]
    ) -> None:
        fixed = round(min(max(radius, 0) * self.zoom, _FARTHEST) * 2**_SHIFT)
        cv2.circle(canvas, at, fixed, color, cv2.FILLED, cv2.LINE_AA, _SHIFT)

    def _fixed(self, point: npt.NDArray[np.float64]) -> tuple[int, int]:
        """Fixed-point coordinates in the enlarged drawing, kept within what OpenCV's integers hold."""
        x, y = np.clip(rescale(point - self.origin, self.zoom), -_FARTHEST, _FARTHEST) * 2**_SHIFT
        return round(float(x)), round(float(y))
