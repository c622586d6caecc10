"""Conversion from the image frame to the axes of 3D viewers."""

import numpy as np
import numpy.typing as npt


def y_up(points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """(..., 3) with x right, y down, z away -> (..., 3) with y up and z towards the viewer.

    Both frames are right-handed. Minus zero, which is ugly in text, becomes zero.
    """
    axes = np.array([1, -1, -1], np.float32)
    flipped: npt.NDArray[np.float32] = np.asarray(points, np.float32) * axes + np.float32(0)
    return flipped
