"""Rotations as matrices, as yaw, pitch and roll, and as quaternions.

Convention: x right, y down, z away from the camera, points are columns, ``R = Roll @ Yaw @ Pitch``.
Positive yaw turns the nose to the image's right, positive pitch turns it down, positive roll leans the head
clockwise as seen on screen. docs/coordinates.md shows them.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

#: Below this cosine of yaw, pitch and roll turn about the same axis and cannot be told apart.
_GIMBAL_LOCK: Final = 1e-7


class Angles(NamedTuple):
    """Degrees."""

    yaw: float
    """In (-180, 180]; positive: the nose points to the image's right."""
    pitch: float
    """In [-90, 90]; positive: the nose points down."""
    roll: float
    """In (-180, 180]; positive: the head leans clockwise as seen on screen."""


def rotation_by(yaw: float, pitch: float, roll: float) -> npt.NDArray[np.float64]:
    """The (3, 3) rotation by angles in degrees: pitch first, then yaw, then roll, about the camera's axes."""
    from scipy.spatial.transform import Rotation  # Half a second, kept out of the library's import.

    # Yaw turns about y against SciPy's sense.
    return np.asarray(Rotation.from_euler("ZYX", [roll, -yaw, pitch], degrees=True).as_matrix(), np.float64)


def angles_of(rotation: npt.NDArray[np.floating]) -> Angles:
    """The angles of a (3, 3) rotation; the inverse of :func:`rotation_by`.

    Of the two sets of angles that give the same rotation, the one with the pitch within 90 degrees: a head
    turned beyond the profile has a yaw beyond 90. At a yaw of exactly 90, where pitch and roll turn about one
    axis, the pitch is 0.
    """
    matrix = np.asarray(rotation, np.float64)
    side = -1.0 if matrix[2, 2] < 0 else 1.0
    cosine = math.hypot(matrix[2, 1], matrix[2, 2])
    if cosine < _GIMBAL_LOCK:
        yaw = math.atan2(matrix[2, 0], 0.0)
        return Angles(math.degrees(yaw), 0.0, math.degrees(math.atan2(-matrix[0, 1], matrix[1, 1])))
    yaw = math.atan2(matrix[2, 0], side * cosine)
    pitch = math.atan2(side * matrix[2, 1], side * matrix[2, 2])
    roll = math.atan2(side * matrix[1, 0], side * matrix[0, 0])
    return Angles(*(math.degrees(angle) for angle in (yaw, pitch, roll)))


def quaternion_of(rotation: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The unit quaternion (x, y, z, w) with w >= 0 of a (3, 3) rotation; the real part last, as in SciPy."""
    from scipy.spatial.transform import Rotation  # Half a second, kept out of the library's import.

    return np.asarray(Rotation.from_matrix(rotation).as_quat(canonical=True), np.float64)
