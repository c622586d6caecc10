"""Photos that talk and blink: faces displaced smoothly, such that each landmark goes where it is told."""

import math
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import GROUPS

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
#: Time in seconds and the points (66, 2) of the photo -> their displacement (66, 2), in its pixels.
Expression: TypeAlias = Callable[[float, Points], Points]

_OUTER, _INNER_LIPS = GROUPS["outer_lips"], GROUPS["inner_lips"]
#: Point -> its share of the way of the lower lip; corners stay.
_JAW_DROP = {
    **dict(zip(_OUTER[7:12], (0.5, 0.9, 1.0, 0.9, 0.5), strict=True)),
    **dict.fromkeys(_INNER_LIPS[3:], 1.0),
    **dict.fromkeys((*_OUTER[2:5], *_INNER_LIPS[:3]), -0.1),
    **dict(zip(range(6, 11), (0.5, 0.7, 0.8, 0.7, 0.5), strict=True)),
}
#: Upper lid -> the point of the lower one that it meets.
_LIDS = {
    upper: lower
    for eye in (GROUPS["right_eye"], GROUPS["left_eye"])
    for upper, lower in ((eye[1], eye[5]), (eye[2], eye[4]))
}
#: Two seconds of speech in each three and a half, some three syllables a second, 5 % of the face's size wide.
_SPEECH, _EVERY, _SYLLABLES, _WIDE = 2.0, 3.5, 3.1, 0.05
#: A blink of a fifth of a second every 2.7 seconds.
_BLINK, _BLINK_EVERY, _CLOSED = 0.2, 2.7, 0.85

#: Of the interpolation: how far a point takes its surroundings along, in face sizes; anchors around the face;
#: nodes a side, between which displacements are interpolated.
_REACH, _ANCHORS, _NODES = 0.07, 24, 90


def talking(time: float, points: Points) -> Points:
    """Speech with pauses, and blinks (an :data:`Expression`)."""
    displacement = np.zeros_like(points)
    if time % _EVERY < _SPEECH:
        drop = _WIDE * float(np.ptp(points, axis=0).max()) * math.sin(math.pi * _SYLLABLES * time) ** 2
        for index, share in _JAW_DROP.items():
            displacement[index, 1] += share * drop
    since_blink = time % _BLINK_EVERY
    if since_blink < _BLINK:
        closed = _CLOSED * math.sin(math.pi * since_blink / _BLINK) ** 2
        for upper, lower in _LIDS.items():
            displacement[upper] += closed * (points[lower] - points[upper])
    return displacement


def displaced(photo: Picture, points: Points, displacement: Points) -> Picture:
    """``photo`` (H, W, 3), in which what was at ``points`` (66, 2) is ``displacement`` away from there."""
    if not displacement.any():
        return photo
    low, high = points.min(axis=0), points.max(axis=0)
    middle, size = (low + high) / 2, float((high - low).max())
    angles = np.linspace(0, 2 * math.pi, _ANCHORS, endpoint=False)
    ring = middle + 1.1 * size * np.column_stack([np.cos(angles), np.sin(angles)])
    # Where each pixel of the result comes from: known at the displaced points, interpolated between them.
    centers = np.vstack([points + displacement, ring])
    values = np.vstack([-displacement, np.zeros_like(ring)])
    weights = np.linalg.solve(_kernel(centers, centers, size) + 1e-6 * np.eye(len(centers)), values)
    x0, y0 = np.maximum(middle - 0.8 * size, 0).astype(int)
    x1, y1 = np.minimum(middle + 0.8 * size, photo.shape[1::-1]).astype(int)
    xs, ys = np.meshgrid(np.linspace(x0, x1 - 1, _NODES), np.linspace(y0, y1 - 1, _NODES))
    nodes = np.column_stack([xs.ravel(), ys.ravel()])
    field = (_kernel(nodes, centers, size) @ weights).reshape(_NODES, _NODES, 2).astype(np.float32)
    field = np.asarray(cv2.resize(field, (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC), np.float32)
    columns, rows = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    out: npt.NDArray[np.uint8] = photo.copy()
    out[y0:y1, x0:x1] = cv2.remap(
        photo, columns + field[..., 0], rows + field[..., 1], interpolation=cv2.INTER_LINEAR
    )
    return out


def _kernel(first: Points, second: Points, size: float) -> Points:
    distances = np.linalg.norm(first[:, None] - second[None], axis=-1)
    return np.asarray(np.exp(-distances / (_REACH * size)))
