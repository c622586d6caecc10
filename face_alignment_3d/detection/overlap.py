"""Overlap of boxes, and dropping candidates of the same face. Boxes are (F, 4): x0, y0, x1, y1."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.floating]

#: Pairs of boxes that are compared at a time.
_MOST_PAIRS: Final = 1 << 20


def intersection_over_union(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """(F, 4) and (G, 4) boxes -> (F, G) in [0, 1]."""
    shared = _intersections(first, second)
    union = _areas(first)[:, None] + _areas(second)[None, :] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float64).tiny), dtype=np.float64)


def intersection_over_smaller(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """(F, 4) and (G, 4) boxes -> (F, G) in [0, 1]: 1 where one lies inside the other."""
    smaller = np.minimum(_areas(first)[:, None], _areas(second)[None, :])
    shared = _intersections(first, second)
    return np.asarray(shared / np.maximum(smaller, np.finfo(np.float64).tiny), dtype=np.float64)


def pairs_above(
    measure: Callable[[_Floats, _Floats], npt.NDArray[np.float64]],
    first: _Floats,
    second: _Floats,
    overlap: float,
) -> npt.NDArray[np.bool_]:
    """(F, 4) and (G, 4) boxes -> (F, G): True where they overlap by more than ``overlap`` by ``measure``.

    It takes a byte for each pair, and little more.
    """
    result = np.empty((len(first), len(second)), np.bool_)
    rows = max(1, _MOST_PAIRS // max(1, len(second)))
    for start in range(0, len(first), rows):
        result[start : start + rows] = measure(first[start : start + rows], second) > overlap
    return result


def best_of_each_place(
    near: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]
) -> npt.NDArray[np.int64]:
    """Indices of those (F,) that are ``near`` (F, F) no better one that is kept; best score first."""
    free = np.ones(len(near), np.bool_)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if free[index]:
            kept.append(index)
            free &= ~near[index]
    return np.array(kept, dtype=np.int64)


def few_of_a_place(
    boxes: npt.NDArray[np.floating], scores: npt.NDArray[np.floating], *, overlap: float, most: int
) -> npt.NDArray[np.int64]:
    """Indices of the boxes (F, 4) to keep, best score first: at most ``most`` for each place.

    Each overlaps fewer than ``most`` better ones by more than ``overlap`` (intersection over union).
    """
    near = intersection_over_union(boxes, boxes) > overlap
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if int(near[index, kept].sum()) < most:
            kept.append(int(index))
    return np.array(kept, dtype=np.int64)


def non_maximum_suppression(
    boxes: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    *,
    overlap: float,
    groups: npt.NDArray[np.generic] | None = None,
) -> npt.NDArray[np.int64]:
    """Indices of the boxes (F, 4) to keep, best score first: none overlaps a better one by more (IoU).

    With ``groups`` (F,), boxes are compared with those of their own group only. Boxes whose score is 0 are
    dropped too. The loop is OpenCV's, for there may be thousands of boxes.
    """
    if len(boxes) == 0:
        return np.zeros(0, dtype=np.int64)
    corners = np.asarray(boxes, dtype=np.float64)
    if groups is not None:  # Each group in a place of its own.
        extent = corners.max() - corners.min() + 1
        corners = corners + (np.unique(groups, return_inverse=True)[1] * extent)[:, None]
    rectangles = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(rectangles, np.asarray(scores, dtype=np.float32), 0.0, overlap)  # type: ignore[arg-type]
    return np.asarray(kept, dtype=np.int64).ravel()


def _areas(boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    sides = np.asarray(boxes, dtype=np.float64)[:, 2:] - boxes[:, :2]
    return sides[:, 0] * sides[:, 1]


def _intersections(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.clip(np.asarray(high - low, dtype=np.float64), 0, None)
    return sides[..., 0] * sides[..., 1]
