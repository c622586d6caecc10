"""The statistics of repeated measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median and the middle 90 % of ``calls`` measurements, in their unit."""

    calls: int
    median: float
    percentile_5: float
    percentile_95: float

    @classmethod
    def of(cls, values: Sequence[float], *, divide_by: float = 1.0) -> "Spread":
        """Of at least one value, each divided by ``divide_by`` (faces of a batch, say)."""
        if not len(values):
            raise ValueError("expected at least one measurement; got none")
        low, median, high = np.percentile(np.asarray(values, dtype=np.float64) / divide_by, (5, 50, 95))
        return cls(len(values), round(float(median), 4), round(float(low), 4), round(float(high), 4))
