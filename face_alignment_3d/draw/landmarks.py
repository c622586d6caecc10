"""The landmarks as points and lines, colored by depth."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.draw.colors import depth_colors
from face_alignment_3d.draw.layer import Layer, dot_radius, face_size, line_width
from face_alignment_3d.draw.legend import draw_depth_legend
from face_alignment_3d.draw.text import draw_text
from face_alignment_3d.face import VISIBLE_FROM, Face3D
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.markup68 import lines_in, to_68

_BOX_COLOR: Final = (225, 225, 225)

#: Confidences between which points go from faint to full, and the opacity of faint ones.
_DOUBTFUL: Final = (0.05, 0.3)
_FAINT: Final = 0.35

#: A capital of an id as a share of the face's size, and in pixels at least.
_ID_HEIGHT: Final = (1 / 10, 7.0)

#: Lines by face part, in 68-point indices: the inner lips have their corners there.
_SEGMENTS: Final = np.array([segment for line in lines_in("68") for segment in pairwise(line)]).T


def draw_landmarks(
    image: ImageLike,
    faces: Sequence[Face3D],
    *,
    color: ColorOrder = "rgb",
    points: bool = True,
    lines: bool = True,
    boxes: bool = False,
    ids: bool = False,
    legend: bool = False,
) -> npt.NDArray[np.uint8]:
    """A new RGB picture (H, W, 3) uint8 of ``image`` with the faces' landmarks on it.

    The 66 points are joined by face part and colored by their depth within the face, from blue (far) to
    yellow (near), with a dark outline that keeps them apart from any background; the inner lips are closed
    through the corners that the 68-point markup has. Points of low confidence are faint, points that cannot
    be seen (``visibility`` below 0.5, where faces have it) hollow and their lines faint. Widths and text
    follow the face's size. ``boxes`` adds each face's box as a thin frame, ``ids`` its ``track_id`` or, where
    it has none, its place in ``faces``, ``legend`` a scale of the colors in a corner. ``image`` and ``color``
    are as in :func:`face_alignment_3d.images.as_rgb`, which raises :class:`ImageError` for what is no image.
    Raises :class:`LandmarksError` for landmarks that are not finite.
    """
    picture: npt.NDArray[np.uint8] = as_rgb(image, color=color).copy()
    for face in faces:
        face.require_finite()
    for face in faces:
        _draw_face(picture, face, points=points, lines=lines, box=boxes)
    if ids:
        for index, face in enumerate(faces):
            _draw_id(picture, face, str(getattr(face, "track_id", index)))
    if legend and faces:
        draw_depth_legend(picture, faces)
    return picture


def _draw_face(picture: npt.NDArray[np.uint8], face: Face3D, *, points: bool, lines: bool, box: bool) -> None:
    places = to_68(face.landmarks).astype(np.float64)
    xy, z = places[:, :2], places[:, 2]
    size = face_size(face)
    frame = np.asarray(face.box, np.float64).reshape(2, 2)
    layer = Layer.over(picture, np.concatenate([xy, frame]) if box else xy, size)
    if layer is None:
        return
    if box:
        (x0, y0), (x1, y1) = frame
        corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            layer.line(start, stop, line_width(size) / 2, _BOX_COLOR)
    starts, stops = _SEGMENTS
    depths = (z[starts] + z[stops]) / 2
    colors = depth_colors(np.concatenate([z[FROM_68], depths]))
    opacity, hidden = _opacity(face), _hidden(face)
    if lines:
        full = to_68(np.where(hidden, _FAINT, opacity)[:, None])[:, 0]
        strength = np.minimum(full[starts], full[stops])
        for index in np.argsort(-depths, kind="stable"):  # Near lines cover far ones.
            layer.line(
                xy[starts[index]],
                xy[stops[index]],
                line_width(size),
                colors[66 + index],
                opacity=float(strength[index]),
            )
    if points:
        at = xy[FROM_68]
        for index in np.argsort(-z[FROM_68], kind="stable"):
            hollow = bool(hidden[index])
            radius = dot_radius(size) * (1.6 if hollow else 1.0)
            layer.dot(at[index], radius, colors[index], opacity=float(opacity[index]), hollow=hollow)
    layer.blend()


def _opacity(face: Face3D) -> npt.NDArray[np.float64]:
    """(66,) in [0.35, 1], by confidence."""
    confidence = np.nan_to_num(np.asarray(face.confidence, np.float64))
    opacity: npt.NDArray[np.float64] = np.interp(confidence, _DOUBTFUL, (_FAINT, 1.0))
    return opacity


def _hidden(face: Face3D) -> npt.NDArray[np.bool_]:
    """(66,): True for landmarks that cannot be seen; all False where visibility is not known."""
    if face.visibility is None:
        return np.zeros(len(face.landmarks), np.bool_)
    return np.asarray(face.visibility) < VISIBLE_FROM


def _draw_id(picture: npt.NDArray[np.uint8], face: Face3D, text: str) -> None:
    share, least = _ID_HEIGHT
    # A face may be far larger than what the picture shows of it.
    height = max(share * min(face_size(face), max(picture.shape[:2])), least)
    x0, y0, x1, y1 = (float(v) for v in box_around(face.landmarks))
    if x1 >= 0 and y1 >= 0 and x0 < picture.shape[1] and y0 < picture.shape[0]:
        draw_text(picture, text, (x0, y0 - 0.6 * height), height)
