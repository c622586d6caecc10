"""Choosing some of many items, evenly spread."""

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError


def subsample(count: int, limit: int | None) -> npt.NDArray[np.int64]:
    """Indices of at most ``limit`` of ``count`` items, ascending and evenly spread; all of them for None.

    Raises :class:`DataError` for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise DataError(f"expected a limit of at least 1; got {limit}")
    chosen = count if limit is None else min(limit, count)
    return np.arange(chosen, dtype=np.int64) * count // max(chosen, 1)
