"""Fitting the mean face to landmarks under perspective."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.pose.camera import Camera
from face_alignment_3d.pose.head_pose import HeadPose
from face_alignment_3d.pose.mean_face import MEAN_FACE, RIGID_WEIGHTS

Floats = npt.NDArray[np.float64]

#: The standard deviation of z from the mean face's, in canonical units. On ICT-FaceKit's heads of random
#: identity and expression, with noise of 0 or 1.5 % of the face on each point, this gave the least error of
#: rotation among 0.03, 0.06, 0.1 and 0.2.
_Z_DEVIATION: Final = 0.03
#: The least that x and y are taken to deviate, so that a head exactly like the mean face has weights, too.
_LEAST_DEVIATION: Final = 1e-4
_SHARES: Final = RIGID_WEIGHTS / RIGID_WEIGHTS.sum()


class PerspectiveFit(NamedTuple):
    """The pose of the mean face in the camera frame, in canonical units."""

    rotation: Floats
    """(3, 3), from the canonical frame to the camera's."""
    translation: Floats
    """(3,): the canonical origin in the camera frame."""
    points: Floats
    """(66, 3): the landmarks in the camera frame, each on the ray of its pixel."""


def fit_perspective(landmarks: Floats, orthographic: HeadPose, camera: Camera) -> PerspectiveFit:
    """Fits the mean face, as ``camera`` sees it, to ``landmarks`` (66, 3) in the image frame.

    First by x and y alone, which is exact for a head of the mean face's shape at any distance. Then z joins
    in, which shows the turn of a head of another shape better than x and y do: the worse these two fit the
    mean face, the more z counts.

    z is that of a scaled orthographic view. Near the camera, such a view shows the head turned by some
    degrees. The same view of the mean face is turned by as much, so that turn is measured there and
    subtracted.

    Raises :class:`LandmarksError` when the face would reach behind the camera.
    """
    from scipy.optimize import least_squares  # Half a second, kept out of the library's import.
    from scipy.spatial.transform import Rotation

    plane = camera.rays(landmarks[:, :2])[:, :2]
    roots = np.sqrt(_SHARES)
    ray = camera.rays(orthographic.translation[None, :2])[0]
    distance = np.sqrt(camera.fx * camera.fy) / orthographic.scale

    def turned(values: Floats) -> Floats:
        return np.asarray(Rotation.from_rotvec(values[:3]).as_matrix(), np.float64)

    def posed(values: Floats) -> Floats:
        points: Floats = MEAN_FACE @ turned(values).T + values[3:]
        return points

    def in_plane(values: Floats) -> Floats:
        points = posed(values)
        depth = np.maximum(points[:, 2:], 1e-3 * distance)  # A step too far does not turn the picture over.
        return np.asarray(roots[:, None] * (points[:, :2] / depth - plane) * distance).ravel()

    facing = _rotation_to(ray) @ orthographic.rotation
    start = np.concatenate([Rotation.from_matrix(facing).as_rotvec(), ray * distance])
    values: Floats = least_squares(in_plane, start, method="lm").x
    deviation = max(float(np.sqrt(np.square(in_plane(values)).sum() / 2)), _LEAST_DEVIATION)
    normal, scale = _orthographic_depth(posed(values), turned(values), camera)

    def in_space(values: Floats) -> Floats:
        difference = landmarks[:, 2] / scale - posed(values) @ normal
        depth = roots * (difference - _SHARES @ difference)
        return np.concatenate([in_plane(values) / deviation, depth / _Z_DEVIATION])

    values = least_squares(in_space, values, method="lm").x
    normal, scale = _orthographic_depth(posed(values), turned(values), camera)
    # Of z, how the face differs from the mean face in relief; what is left of a tilt says nothing of that.
    relief = landmarks[:, 2] / scale - posed(values) @ normal
    rays = np.column_stack([plane, np.ones(len(plane))])
    tilt = np.linalg.lstsq(roots[:, None] * rays, roots * relief, rcond=None)[0]
    along = posed(values) @ normal + relief - rays @ tilt
    points = rays * (along / (rays @ normal))[:, None]
    if not np.isfinite(points).all() or min(points[:, 2].min(), posed(values)[:, 2].min()) <= 0:
        raise LandmarksError(
            "landmarks must be those of a face in front of the camera; some would lie behind it: check that "
            "the camera's intrinsics are those of this image, in its pixels"
        )
    return PerspectiveFit(turned(values), values[3:], points)


def _orthographic_depth(points: Floats, rotation: Floats, camera: Camera) -> tuple[Floats, float]:
    """The direction in which z of a scaled orthographic fit to the mean face's pixels grows, and its scale.

    The direction is (3,), in the camera frame; the scale in pixels per canonical unit. ``points`` are the
    mean face in the camera frame.
    """
    design = np.column_stack([MEAN_FACE, np.ones(len(MEAN_FACE))])
    affine = np.linalg.lstsq(design, camera.project(points), rcond=None)[0][:3].T
    u, scales, vt = np.linalg.svd(affine, full_matrices=False)
    across = u @ vt
    normal: Floats = np.cross(across[0], across[1]) @ rotation.T
    return normal, float(scales.mean())


def _rotation_to(ray: Floats) -> Floats:
    """The (3, 3) rotation by the shortest way that takes the optical axis to the direction of ``ray``."""
    from scipy.spatial.transform import Rotation

    axis = np.cross([0.0, 0.0, 1.0], ray)
    sine, cosine = np.linalg.norm(axis), ray[2]
    turn = axis / sine * np.arctan2(sine, cosine) if sine > 0 else np.zeros(3)
    return np.asarray(Rotation.from_rotvec(turn).as_matrix(), np.float64)
