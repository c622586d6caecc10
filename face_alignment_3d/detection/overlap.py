"""How much boxes overlap, and dropping faces that were found twice. Boxes are (F, 4): x0, y0, x1, y1."""

import cv2
import numpy as np
import numpy.typing as npt


def intersection_over_union(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """(F, 4) and (G, 4) boxes -> (F, G) in [0, 1]."""
    shared = _intersections(first, second)
    return shared / (_areas(first)[:, None] + _areas(second)[None, :] - shared)


def without_duplicates(
    boxes: npt.NDArray[np.floating], scores: npt.NDArray[np.floating], *, share: float
) -> npt.NDArray[np.int64]:
    """Indices of the boxes (F, 4) to keep, best score first.

    A box is dropped when it and a better one have more than ``share`` of the smaller one's area in common:
    the same face twice, or a part of a face taken for one.
    """
    areas = _areas(boxes)
    common = _intersections(boxes, boxes) / np.minimum(areas[:, None], areas[None, :])
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not any(common[index, better] > share for better in kept):
            kept.append(int(index))
    return np.array(kept, dtype=np.int64)


def non_maximum_suppression(
    boxes: npt.NDArray[np.floating], scores: npt.NDArray[np.floating], *, overlap: float
) -> npt.NDArray[np.int64]:
    """Indices of the boxes (F, 4) to keep, best score first: none overlaps a better one by more (IoU).

    Boxes whose score is 0 are dropped too. The loop is OpenCV's, for there may be thousands of boxes.
    """
    if len(boxes) == 0:
        return np.zeros(0, dtype=np.int64)
    corners = np.asarray(boxes, dtype=np.float64)
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
