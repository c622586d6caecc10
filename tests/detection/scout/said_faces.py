"""The outputs of a perfect network for known faces."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.scout.layout import CHANNELS, UNIT_STRIDES, cells

#: No face, surely.
NOTHING = -12.0


def upright_squares(*squares: tuple[float, float, float]) -> OrientedBoxes:
    """From center x, y and side."""
    table = np.array(squares, np.float64).reshape(-1, 3)
    return OrientedBoxes(table[:, :2], np.repeat(table[:, 2:], 2, axis=1), np.zeros(len(table)))


def said(
    boxes: OrientedBoxes, height: int, width: int, *, logits: Sequence[float] | None = None, each: int = 3
) -> npt.NDArray[np.float32]:
    """(N, 7): for each box the ``each`` cells nearest to its center say exactly it."""
    grid = cells(height, width)
    output = np.zeros((len(grid), CHANNELS), np.float32)
    output[:, 0] = NOTHING
    for index in range(len(boxes)):
        stride = grid[:, 2:]
        offset = (boxes.centers[index] - grid[:, :2]) / stride
        for cell in np.argsort(np.abs(offset).max(axis=1) * grid[:, 2])[:each].tolist():
            output[cell, 0] = (4.0 if logits is None else logits[index]) - 0.1 * (cell % 3)
            output[cell, 1:3] = offset[cell]
            output[cell, 3:5] = np.log(boxes.sides[index] / (UNIT_STRIDES * grid[cell, 2]))
            roll = boxes.rolls[index]
            output[cell, 5:7] = 1.7 * np.cos(roll), 1.7 * np.sin(roll)
    return output
