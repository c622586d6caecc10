"""The places of the scout's cells: the one convention that training and decoding share."""

from typing import Final

import numpy as np
import numpy.typing as npt

#: Pixels between the cells of each level of the network, finest first.
STRIDES: Final = (8, 16, 32)
#: Sides of the network's input are multiples of this.
MULTIPLE: Final = STRIDES[-1]
#: A box of zeros has sides of this many strides.
UNIT_STRIDES: Final = 3.0
#: Numbers that the network says of each cell: the logit of its score; the center's distance from the cell's,
#: x and y, in strides; the logarithms of width and height over ``UNIT_STRIDES`` strides; and a vector (x, y)
#: in the direction of the head's right side, (1, 0) for an upright head, shorter where that is unsure.
CHANNELS: Final = 7


def cells(height: int, width: int) -> npt.NDArray[np.float64]:
    """(N, 3): x, y and stride of each cell of an input of that size, in the order of the network's output.

    x and y are *edge* coordinates, in which the top-left pixel spans 0 to 1. Levels come finest first, and
    the rows of each one after another.
    """
    return cells_at(np.arange(sum(rows * columns for rows, columns in _grids(height, width))), height, width)


def cells_at(indices: npt.NDArray[np.int64], height: int, width: int) -> npt.NDArray[np.float64]:
    """(K, 3): those of :func:`cells` that have these indices (K,)."""
    grids = _grids(height, width)
    ends = np.cumsum([rows * columns for rows, columns in grids])
    level = np.searchsorted(ends, indices, side="right")
    columns = np.array([columns for _, columns in grids])[level]
    stride = np.array(STRIDES)[level]
    y, x = np.divmod(indices - np.concatenate([[0], ends])[level], columns)
    return np.stack([(x + 0.5) * stride, (y + 0.5) * stride, stride], axis=1)


def _grids(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of each level's cells."""
    return [(-(-height // stride), -(-width // stride)) for stride in STRIDES]
