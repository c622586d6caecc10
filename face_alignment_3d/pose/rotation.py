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
    angles = np.radians([yaw, pitch, roll])
    (sy, sp, sr), (cy, cp, cr) = np.sin(angles), np.cos(angles)
    about_y = np.array([[cy, 0.0, -sy], [0.0, 1.0, 0.0], [sy, 0.0, cy]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
    about_z = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    rotation: npt.NDArray[np.float64] = about_z @ about_y @ about_x
    return rotation


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
    matrix = np.asarray(rotation, np.float64)
    # The four squares times 4; dividing by the largest root is exact for every rotation (Shepperd 1978).
    trace = float(np.trace(matrix))
    squares = np.append(1.0 + 2.0 * np.diag(matrix) - trace, 1.0 + trace)
    largest = int(np.argmax(squares))
    if largest == 3:
        first = [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]
        quaternion = np.array([*first, squares[3]])
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        quaternion = np.empty(4)
        quaternion[i] = squares[i]
        quaternion[j] = matrix[j, i] + matrix[i, j]
        quaternion[k] = matrix[k, i] + matrix[i, k]
        quaternion[3] = matrix[k, j] - matrix[j, k]
    quaternion /= np.linalg.norm(quaternion)
    return -quaternion if quaternion[3] < 0 else quaternion
