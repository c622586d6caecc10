"""Landmarks and poses drawn on a picture: face parts as lines, depth as color, the head's axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import rescale
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.markup import CLOSED_GROUPS, GROUPS

#: RGB from far to near, ever lighter, so that the order shows in gray print too. None is dark enough to
#: drown in the outline.
_DEPTH_COLORS: Final = np.array(
    [(60, 100, 255), (205, 100, 230), (255, 150, 100), (255, 242, 120)], np.float64
)

_OUTLINE_COLOR: Final = (12, 14, 24)
_BOX_COLOR: Final = (225, 225, 225)

#: The head's axes in the canonical frame, and their colors: out of the nose, to the subject's left, down.
_POSE_AXES: Final = (
    ((0.0, 0.0, -1.0), (90, 150, 255)),
    ((1.0, 0.0, 0.0), (255, 95, 85)),
    ((0.0, 1.0, 0.0), (110, 230, 120)),
)
#: In inter-ocular distances.
_POSE_AXIS_LENGTH: Final = 0.9

# Lengths as shares of the face's size, and in pixels at least.
_LINE_WIDTH: Final = (1 / 110, 0.8)
_DOT_RADIUS: Final = (1 / 85, 0.6)
_OUTLINE: Final = (1 / 260, 0.35)

#: The drawing is enlarged until its lines are this wide, then averaged down: thin lines on small faces
#: come out sharp and in their true place.
_FINE_LINE: Final = 5.0

#: Fractional bits of the coordinates that OpenCV draws at.
_SHIFT: Final = 6

_SEGMENTS: Final = tuple(
    (start, stop)
    for name, group in GROUPS.items()
    for start, stop in zip(group, [*group[1:], *(group[:1] if name in CLOSED_GROUPS else ())], strict=False)
)


def draw_landmarks(
    image: ImageLike, faces: Sequence[Face3D], *, color: ColorOrder = "rgb", boxes: bool = False
) -> npt.NDArray[np.uint8]:
    """A new RGB picture (H, W, 3) uint8 of ``image`` with the faces' landmarks on it.

    The 66 points are joined by face part and colored by their depth within the face, from blue (far) to
    yellow (near), with a dark outline that keeps them apart from any background. Widths follow the face's
    size. ``boxes`` adds each face's box as a thin frame. ``image`` and ``color`` are as in
    :func:`face_alignment_3d.images.as_rgb`, which raises :class:`ImageError` for what is no image.
    """
    picture: npt.NDArray[np.uint8] = as_rgb(image, color=color).copy()
    for face in faces:
        _draw_face(picture, face, box=boxes)
    return picture


def draw_pose(
    image: ImageLike, faces: Sequence[Face3D], *, color: ColorOrder = "rgb"
) -> npt.NDArray[np.uint8]:
    """A new RGB picture (H, W, 3) uint8 of ``image`` with the axes of each head on it.

    They start between the eyes: blue points out of the nose, red to the subject's left, green down. Near ones
    cover far ones. ``image`` and ``color`` are as in :func:`draw_landmarks`. Raises :class:`ImageError` for
    what is no image, :class:`LandmarksError` for a face without a pose.
    """
    picture: npt.NDArray[np.uint8] = as_rgb(image, color=color).copy()
    for face in faces:
        origin = face.pose.to_image(np.zeros(3))
        tips = face.pose.to_image(_POSE_AXIS_LENGTH * np.array([axis for axis, _ in _POSE_AXES]))
        size = _face_size(face)
        layer = _Layer.over(picture, np.vstack([origin, tips])[:, :2], size)
        if layer is None:
            continue
        width = 2 * _length(_LINE_WIDTH, size)
        for index in np.argsort(-tips[:, 2], kind="stable"):
            layer.line(origin[:2], tips[index, :2], width, _POSE_AXES[index][1])
        layer.blend()
    return picture


def depth_colors(z: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """(N,) depths, larger is farther -> (N, 3) RGB, the nearest yellow and the farthest blue."""
    z = np.asarray(z, np.float64)
    nearness = (z.max() - z) / max(float(np.ptp(z)), 1e-6)
    stops = np.linspace(0, 1, len(_DEPTH_COLORS))
    channels = [np.interp(nearness, stops, channel) for channel in _DEPTH_COLORS.T]
    colors: npt.NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors


def _draw_face(picture: npt.NDArray[np.uint8], face: Face3D, *, box: bool) -> None:
    points = np.asarray(face.landmarks, np.float64)
    xy, z = points[:, :2], points[:, 2]
    size = _face_size(face)
    frame = np.asarray(face.box, np.float64).reshape(2, 2)
    layer = _Layer.over(picture, np.concatenate([xy, frame]) if box else xy, size)
    if layer is None:
        return
    line, dot = _length(_LINE_WIDTH, size), _length(_DOT_RADIUS, size)
    if box:
        (x0, y0), (x1, y1) = frame
        corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            layer.line(start, stop, line / 2, _BOX_COLOR)
    starts, stops = np.array(_SEGMENTS).T
    colors = depth_colors(np.concatenate([z, (z[starts] + z[stops]) / 2]))
    segment_colors = colors[len(z) :]
    for index in np.argsort(-(z[starts] + z[stops]), kind="stable"):  # Near lines cover far ones.
        layer.line(xy[starts[index]], xy[stops[index]], line, segment_colors[index])
    for index in np.argsort(-z, kind="stable"):
        layer.dot(xy[index], dot, colors[index])
    layer.blend()


def _face_size(face: Face3D) -> float:
    """The root of the area of the landmarks' bounding box, pixels; at least 1."""
    extent = np.ptp(np.asarray(face.landmarks, np.float64)[:, :2], axis=0)
    return max(math.sqrt(float(np.prod(extent))), 1.0)


def _length(rule: tuple[float, float], size: float) -> float:
    share, least = rule
    return max(share * size, least)


@dataclass
class _Layer:
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
    ) -> "_Layer | None":
        """A blank layer around ``points`` (N, 2) of a face of ``size``; None if they miss the picture."""
        margin = math.ceil(size / 20) + 3
        limits = np.array([picture.shape[1], picture.shape[0]])
        low = np.clip(np.floor(points.min(axis=0)) - margin, 0, limits).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)) + margin + 1, 0, limits).astype(int)
        if (high <= low).any():
            return None
        part = picture[low[1] : high[1], low[0] : high[0]]
        zoom = max(1, math.ceil(_FINE_LINE / _length(_LINE_WIDTH, size)))
        shape = (part.shape[0] * zoom, part.shape[1] * zoom)
        ink = np.full((*shape, 3), _OUTLINE_COLOR, np.uint8)
        return cls(
            part, low.astype(np.float64), zoom, _length(_OUTLINE, size), ink, np.zeros(shape, np.uint8)
        )

    def line(
        self,
        start: npt.NDArray[np.float64],
        stop: npt.NDArray[np.float64],
        width: float,
        color: Sequence[int],
    ) -> None:
        ends = (self._fixed(start), self._fixed(stop))
        wide, narrow = (max(1, round(w * self.zoom)) for w in (width + 2 * self.outline, width))
        cv2.line(self.cover, *ends, 255, wide, cv2.LINE_AA, _SHIFT)
        cv2.line(self.ink, *ends, _OUTLINE_COLOR, wide, cv2.LINE_AA, _SHIFT)
        cv2.line(self.ink, *ends, [int(c) for c in color], narrow, cv2.LINE_AA, _SHIFT)

    def dot(self, center: npt.NDArray[np.float64], radius: float, color: Sequence[int]) -> None:
        at = self._fixed(center)
        wide, narrow = (round(r * self.zoom * 2**_SHIFT) for r in (radius + self.outline, radius))
        cv2.circle(self.cover, at, wide, 255, cv2.FILLED, cv2.LINE_AA, _SHIFT)
        cv2.circle(self.ink, at, wide, _OUTLINE_COLOR, cv2.FILLED, cv2.LINE_AA, _SHIFT)
        cv2.circle(self.ink, at, narrow, [int(c) for c in color], cv2.FILLED, cv2.LINE_AA, _SHIFT)

    def blend(self) -> None:
        """Lays the drawing over the picture."""
        height, width = self.part.shape[:2]
        ink = cv2.resize(self.ink, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        cover = cv2.resize(self.cover, (width, height), interpolation=cv2.INTER_AREA)[
            :, :, None
        ] / np.float32(255)
        np.copyto(self.part, np.rint(self.part + (ink - self.part) * cover), casting="unsafe")

    def _fixed(self, point: npt.NDArray[np.float64]) -> tuple[int, int]:
        """Fixed-point coordinates in the enlarged drawing, kept within what OpenCV's integers hold."""
        x, y = np.clip(rescale(point - self.origin, self.zoom), -1e6, 1e6) * 2**_SHIFT
        return round(float(x)), round(float(y))
