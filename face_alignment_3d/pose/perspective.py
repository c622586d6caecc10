"""The pose of a head in front of a camera with perspective, in millimeters."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.markup import GROUPS
from face_alignment_3d.pose.camera import Camera
from face_alignment_3d.pose.head_pose import estimate_pose
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.pose.perspective_fit import fit_perspective
from face_alignment_3d.pose.rotation import Angles, angles_of, quaternion_of

#: The mean distance between the pupils of adults.
MEAN_INTERPUPILLARY_MM: Final = 63.0

#: The directions of the axes of camera and head; see :meth:`PerspectivePose.model_view`.
Convention: TypeAlias = Literal["opencv", "opengl", "unity"]

# What OpenCV's x, y, z are multiplied by.
_AXES: Final[dict[str, tuple[float, float, float]]] = {
    "opencv": (1.0, 1.0, 1.0),
    "opengl": (1.0, -1.0, -1.0),
    "unity": (1.0, -1.0, 1.0),
}
_MILLIMETERS: Final[dict[str, float]] = {"mm": 1.0, "m": 1000.0}


@dataclass(frozen=True, eq=False)
class PerspectivePose:
    """``camera = millimeters_per_unit * canonical @ rotation.T + translation``, in millimeters.

    The camera frame has its origin in the camera: x right, y down, z along the view. The canonical frame is
    that of :class:`~face_alignment_3d.pose.HeadPose`.
    """

    rotation: npt.NDArray[np.float64]
    """(3, 3), from the canonical frame to the camera's; orthonormal, determinant +1."""

    translation: npt.NDArray[np.float64]
    """(3,): where the canonical origin, midway between the outer eye corners, lies before the camera; mm."""

    millimeters_per_unit: float
    """The size of a canonical unit, from the assumed distance between the pupils."""

    points_canonical: npt.NDArray[np.float64]
    """(66, 3): the landmarks without pose, scale and perspective; :meth:`project` gives their x, y back. They
    differ from ``Face3D.points_canonical`` by the perspective, the more the nearer the face."""

    camera: Camera
    """The camera that the pose refers to."""

    @property
    def angles(self) -> Angles:
        """Yaw, pitch and roll in degrees, against the camera's axes.

        Away from the image's middle they differ from those of ``Face3D.pose``: a head that looks straight
        into the camera from the side of the image has a yaw here and none there.
        """
        return angles_of(self.rotation)

    @property
    def quaternion(self) -> npt.NDArray[np.float64]:
        """(4,): the rotation as a unit quaternion (x, y, z, w) with w >= 0, in OpenCV's axes."""
        return quaternion_of(self.rotation)

    def to_camera(self, points_canonical: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(..., 3) canonical points -> (..., 3) camera coordinates, millimeters."""
        turned: npt.NDArray[np.float64] = np.asarray(points_canonical, np.float64) @ self.rotation.T
        return self.millimeters_per_unit * turned + self.translation

    def project(self, points_canonical: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(N, 3) canonical points -> (N, 2) image pixels."""
        return self.camera.project(self.to_camera(points_canonical))

    def model_view(
        self, convention: Convention = "opencv", *, unit: Literal["mm", "m"] = "mm"
    ) -> npt.NDArray[np.float64]:
        """(4, 4): takes homogeneous columns on the head to the camera's frame, both in ``unit``.

        A head that faces the camera has no rotation in any of the conventions; the origin on the head lies
        midway between the outer eye corners.

        - ``"opencv"``: x right, y down, z along the view; on the head x to the subject's left, y down, z into
          the head.
        - ``"opengl"``, three.js too: x right, y up, z towards the viewer; on the head x to the subject's
          left, y up, z out of the nose.
        - ``"unity"``: left-handed, x right, y up, z along the view; on the head x to the subject's left, y
          up, z into the head. The matrix places a child of the camera's transform.

        Numpy's rows are the matrix's rows; three.js's ``Matrix4.fromArray`` wants columns first:
        ``matrix.T.ravel()``.
        """
        if convention not in _AXES:
            raise ValueError(f"convention must be one of {', '.join(_AXES)}; got {convention!r}")
        if unit not in _MILLIMETERS:
            raise ValueError(f"unit must be one of {', '.join(_MILLIMETERS)}; got {unit!r}")
        axes = np.array(_AXES[convention])
        matrix = np.eye(4)
        matrix[:3, :3] = axes[:, None] * self.rotation * axes
        matrix[:3, 3] = axes * self.translation / _MILLIMETERS[unit]
        return matrix


def solve_perspective(
    landmarks: npt.NDArray[np.floating],
    camera: Camera,
    *,
    interpupillary_mm: float = MEAN_INTERPUPILLARY_MM,
) -> PerspectivePose:
    """The pose before ``camera`` of 66 landmarks (66, 3) in the image frame.

    The mean face is fitted to the landmarks as the camera would see it. For a head of the mean face's shape,
    x and y determine the pose, which is exact at any distance; the worse they fit the mean face, the more z
    counts, too. Each landmark is then placed on the ray of its pixel at the depth that its z gives, so the
    points project onto the landmarks exactly.

    A photo does not show how large a head is: distances scale with ``interpupillary_mm``, the distance
    between the eyes' centers of the mean face as it lies over this one. A head of another size is as much
    nearer or farther.

    Raises :class:`LandmarksError` as :func:`estimate_pose` does, and when the face would reach behind the
    camera.
    """
    millimeters = millimeters_per_unit(interpupillary_mm)
    orthographic = estimate_pose(landmarks)
    try:
        # What is no number anywhere is none in the end, where it is refused.
        with np.errstate(all="ignore"):
            fit = fit_perspective(np.asarray(landmarks, np.float64), orthographic, camera)
    except LandmarksError:
        raise
    except (ValueError, np.linalg.LinAlgError) as error:
        raise LandmarksError(
            f"landmarks must be those of a face before this camera; none fits them ({error}): check that the "
            "camera's intrinsics are those of this image, in its pixels"
        ) from error
    return PerspectivePose(
        fit.rotation,
        fit.translation * millimeters,
        millimeters,
        (fit.points - fit.translation) @ fit.rotation,
        camera,
    )


def landmarks_metric(
    landmarks: npt.NDArray[np.floating],
    camera: Camera,
    *,
    interpupillary_mm: float = MEAN_INTERPUPILLARY_MM,
) -> npt.NDArray[np.float64]:
    """(66, 3) landmarks in the image frame -> (66, 3) in millimeters in the frame of ``camera``.

    x right, y down, z along the view, from the camera; they project onto the landmarks. Arguments and errors
    are those of :func:`solve_perspective`.
    """
    pose = solve_perspective(landmarks, camera, interpupillary_mm=interpupillary_mm)
    return pose.to_camera(pose.points_canonical)


def millimeters_per_unit(interpupillary_mm: float = MEAN_INTERPUPILLARY_MM) -> float:
    """The size of a canonical unit on a head whose pupils are ``interpupillary_mm`` apart.

    Raises ValueError unless that is a positive distance.
    """
    if not 0 < interpupillary_mm < float("inf"):
        raise ValueError(f"interpupillary_mm must be a positive distance; got {interpupillary_mm}")
    return interpupillary_mm / _MEAN_EYES


def _eye_distance(points: npt.NDArray[np.float64]) -> float:
    """The distance between the centers of the eyes of (66, 3) points."""
    right, left = (points[list(GROUPS[f"{side}_eye"])].mean(axis=0) for side in ("right", "left"))
    return float(np.linalg.norm(left - right))


_MEAN_EYES: Final = _eye_distance(MEAN_FACE)
