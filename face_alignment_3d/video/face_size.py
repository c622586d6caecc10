"""The unit in which motion, noise and distances of a face are told."""

import numpy as np
import numpy.typing as npt


def size_of(points: npt.NDArray[np.floating]) -> float:
    """The longer side of the box around landmarks (N, 2 or 3), in pixels; at least 1."""
    return max(float(np.ptp(points[:, :2], axis=0).max()), 1.0)
