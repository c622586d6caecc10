"""The pose of a head under scaled orthographic projection, and its inverse: the canonical points."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.pose.mean_face import MEAN_FACE, RIGID_WEIGHTS
from face_alignment_3d.pose.rotation import Angles, angles_of, quaternion_of
from face_alignment_3d.pose.similarity import umeyama_with_spread

#: Numbers from here on are no coordinates: their squares, or those of their quotients, are not finite.
_LARGEST: Final = 1e60

#: The second largest extent of a face, over its largest, below which the points are a line.
_FLATNESS: Final = 1e-6


@dataclass(frozen=True, eq=False)
class HeadPose:
    """``image = scale * canonical @ rotation.T + translation``, both ways.

    The canonical frame belongs to the head: its origin lies midway between the outer eye corners of the mean
    face, x points to the subject's left, y down, z into the head, and one unit is the distance between those
    corners (the inter-ocular distance). A head that faces the camera upright has the identity as rotation.
    """

    rotation: npt.NDArray[np.float64]
    """(3, 3), from the canonical frame to the image's; orthonormal, determinant +1."""

    scale: float
    """Image pixels per canonical unit; positive."""

    translation: npt.NDArray[np.float64]
    """(3,): where the canonical origin lies in the image frame, in pixels; z as in ``Face3D.landmarks``."""

    @cached_property
    def angles(self) -> Angles:
        """Yaw, pitch and roll in degrees."""
        return angles_of(self.rotation)

    @property
    def yaw(self) -> float:
        """Degrees in (-180, 180]; positive: the nose points to the image's right."""
        return self.angles.yaw

    @property
    def pitch(self) -> float:
        """Degrees in [-90, 90]; positive: the nose points down."""
        return self.angles.pitch

    @property
    def roll(self) -> float:
        """Degrees in (-180, 180]; positive: the head leans clockwise as seen on screen."""
        return self.angles.roll

    @property
    def quaternion(self) -> npt.NDArray[np.float64]:
        """(4,): the rotation as a unit quaternion (x, y, z, w) with w >= 0."""
        return quaternion_of(self.rotation)

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """(4, 4): takes homogeneous canonical columns to the image frame; scale included."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.scale * self.rotation
        matrix[:3, 3] = self.translation
        return matrix

    def to_image(self, points_canonical: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(..., 3) canonical points -> (..., 3) in the image frame, pixels."""
        points: npt.NDArray[np.float64] = np.asarray(points_canonical, np.float64) @ self.rotation.T
        return self.scale * points + self.translation

    def to_canonical(self, points_image: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The inverse of :meth:`to_image`: (..., 3) pixels -> (..., 3) canonical units."""
        points = (np.asarray(points_image, np.float64) - self.translation) / self.scale
        return points @ self.rotation


def estimate_pose(landmarks: npt.NDArray[np.floating]) -> HeadPose:
    """The pose of 66 landmarks (66, 3) in the image frame.

    The mean face is laid over them by the weighted least-squares similarity (Umeyama 1991). Eye corners and
    nose count fully, brows and lids less, mouth and jaw hardly at all, so that an open mouth or a
    closed eye does not turn the head.

    Raises :class:`LandmarksError` when the points have another shape, are not finite, or lie on a line.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (NUM_LANDMARKS, 3):
        raise LandmarksError(
            f"landmarks must have shape ({NUM_LANDMARKS}, 3), x, y, z in image pixels; got {points.shape}"
        )
    rotation, scale, translation = _similarities(points[None])
    return HeadPose(rotation[0], float(scale[0]), translation[0])


def canonical_points(landmarks: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """(N, 66, 3) landmarks of N faces -> (N, 66, 3) without pose and scale, as ``Face3D.points_canonical``.

    Raises :class:`LandmarksError` as :func:`estimate_pose` does.
    """
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 3 or points.shape[1:] != (NUM_LANDMARKS, 3):
        raise LandmarksError(
            f"landmarks must have shape (N, {NUM_LANDMARKS}, 3), x, y, z in image pixels; got {points.shape}"
        )
    rotation, scale, translation = _similarities(points)
    canonical: npt.NDArray[np.float64] = (points - translation[:, None]) / scale[:, None, None] @ rotation
    return canonical


def require_numbers(points: npt.NDArray[np.float64]) -> None:
    """Raises :class:`LandmarksError` for landmarks that are not finite, or whose squares are not."""
    if not (np.abs(points) < _LARGEST).all():
        raise LandmarksError(
            f"landmarks must be finite to have a pose or measures; got NaN, infinity or numbers above "
            f"{_LARGEST:g}: skip this face"
        )


def _similarities(
    points: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rotation (N, 3, 3), scale (N,) and translation (N, 3) of faces (N, 66, 3)."""
    require_numbers(points)
    scale, rotation, translation, spread = umeyama_with_spread(MEAN_FACE[None], points, RIGID_WEIGHTS)
    if (spread[:, 1] <= _FLATNESS * np.maximum(spread[:, 0], np.finfo(np.float64).tiny)).any():
        raise LandmarksError(
            "landmarks must spread over at least two dimensions to have a pose; got points on a line: "
            "skip this face"
        )
    return rotation, scale, translation
