"""What the aligner knows about one face."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import Blendshapes
from face_alignment_3d.pose.camera import Camera
from face_alignment_3d.pose.head_pose import HeadPose, estimate_pose
from face_alignment_3d.pose.measures import FaceMeasures, measure_face
from face_alignment_3d.pose.perspective import MEAN_INTERPUPILLARY_MM, PerspectivePose, solve_perspective

#: Points whose :attr:`Face3D.visibility` is at least this are taken to be visible.
VISIBLE_FROM: Final = 0.5


@dataclass(frozen=True, eq=False)
class Face3D:
    """One face in one image. All coordinates are image pixels; (0, 0) is the center of the top-left pixel.

    Pose, measures and canonical points follow from the landmarks and are computed when first asked for.
    """

    landmarks: npt.NDArray[np.float32]
    """(66, 3): x right, y down, z away from the camera, all in image pixels; z has zero mean over the points.
    Points may lie outside the image when the face is cut off."""

    confidence: npt.NDArray[np.float32]
    """(66,) in [0, 1]: how far the two stages of the cascade agree on the point, and how sharp its heatmap
    is. Low values go with large errors; MODEL_CARD.md has the measured relation."""

    box: npt.NDArray[np.float32]
    """(4,): x0, y0, x1, y1 of the box that the landmarks were computed from."""

    score: float | None
    """The detector's score in [0, 1], or None when the box was the caller's."""

    visibility: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)
    """(66,) in [0, 1]: the probability that the point can be seen, neither behind the head itself nor behind
    something else; from :data:`VISIBLE_FROM` on it is taken to be visible. Hidden points are placed where
    they are all the same. None when the weights do not tell."""

    blendshapes: Blendshapes | None = field(default=None, kw_only=True)
    """ARKit's 52 blendshapes, a mapping of ARKit's name -> value in [0, 1], NaN for those that 66 points do
    not show. None when they were not asked for, as with ``FaceAligner3D(blendshapes=True)``, and for
    landmarks without a pose."""

    @cached_property
    def pose(self) -> HeadPose:
        """Rotation, scale and translation of the head under scaled orthographic projection.

        Raises :class:`LandmarksError` when the landmarks are not finite or lie on a line.
        """
        return estimate_pose(self.landmarks)

    @cached_property
    def points_canonical(self) -> npt.NDArray[np.float64]:
        """(66, 3): the landmarks without pose and scale; ``pose.to_image`` gives the landmarks back.

        In inter-ocular distances, from an origin midway between the outer eye corners: x to the subject's
        left, y down, z into the head. See :class:`HeadPose`. Raises as :attr:`pose` does.
        """
        points = self.pose.to_canonical(self.landmarks)
        points.flags.writeable = False
        return points

    @cached_property
    def measures(self) -> FaceMeasures:
        """How open eyes and mouth are, and how far apart the eyes."""
        return measure_face(self.landmarks)

    def perspective_pose(
        self, camera: Camera, *, interpupillary_mm: float = MEAN_INTERPUPILLARY_MM
    ) -> PerspectivePose:
        """The pose in front of ``camera``, in mm: see :func:`face_alignment_3d.pose.solve_perspective`.

        ``interpupillary_mm`` is the distance between the pupils, on which all distances depend. Raises
        :class:`LandmarksError` when the landmarks have no pose.
        """
        return solve_perspective(self.landmarks, camera, interpupillary_mm=interpupillary_mm)
