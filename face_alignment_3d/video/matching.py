"""Which face is which: overlap of boxes, and the cheapest pairing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

_FORBIDDEN = 1e6


def overlap(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Intersection over union of two boxes (4,) x0, y0, x1, y1; in [0, 1]."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (first, second)]
    return shared / max(sum(areas) - shared, 1e-9)


def cheapest_pairs(costs: Sequence[Sequence[float | None]]) -> list[tuple[int, int]]:
    """Pairs (row, column), at most one for each, as many as possible and then of least total cost.

    ``costs`` has None for pairs that cannot be.
    """
    if not costs or not costs[0]:
        return []
    table = np.array([[_FORBIDDEN if cost is None else cost for cost in row] for row in costs])
    rows, columns = linear_sum_assignment(table)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if table[row, column] < _FORBIDDEN]
