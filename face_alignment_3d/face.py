"""The result of the aligner for one face."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import Blendshapes
from face_alignment_3d.detection.candidate_selection import certainty_of
from face_alignment_3d.pose.camera import Camera
from face_alignment_3d.pose.head_pose import HeadPose, estimate_pose
from face_alignment_3d.pose.measures import FaceMeasures, measure_face
from face_alignment_3d.pose.perspective import (
    MEAN_INTERPUPILLARY_MM,
    PerspectivePose,
    landmarks_metric,
    solve_perspective,
)

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
    """(66,) in [0, 1]: the agreement of the two stages of the cascade on the point, and the sharpness of its
    heatmap. Low values go with large errors; MODEL_CARD.md has the measured relation."""

    box: npt.NDArray[np.float32]
    """(4,): x0, y0, x1, y1 of the box that the landmarks were computed from."""

    score: float | None
    """The detector's score in [0, 1], or None when the box was the caller's. :attr:`certainty` is the better
    measure of whether this is a face."""

    visibility: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)
    """(66,) in [0, 1]: the probability that the point can be seen, neither behind the head itself nor behind
    something else; from :data:`VISIBLE_FROM` on it is taken to be visible. Points that are not visible
    have a position too. None when the weights do not predict visibility."""

    image_size: tuple[int, int] | None = field(default=None, kw_only=True)
    """(height, width) of the image, in pixels; None when it is not known."""

    blendshapes: Blendshapes | None = field(default=None, kw_only=True)
    """ARKit's 52 blendshapes, a mapping of ARKit's name -> value in [0, 1], NaN for those that 66 points do
    not show. None when they were not asked for, as with ``FaceAligner3D(blendshapes=True)``, and for
    landmarks without a pose."""

    @cached_property
    def certainty(self) -> float:
        """The certainty that this is a face: the mean :attr:`confidence`, corrected by the detector's score.

        The score subtracts up to 0.14 or adds up to 0.09. Faces have about 0.3 and more, sharp upright ones
        0.6 and more.
        """
        mean = float(self.confidence.mean())
        return mean if self.score is None else certainty_of(mean, self.score)

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
        """Openness of the eyes and the mouth, and the distance between the eyes."""
        return measure_face(self.landmarks)

    def perspective_pose(
        self, camera: Camera, *, interpupillary_mm: float = MEAN_INTERPUPILLARY_MM
    ) -> PerspectivePose:
        """The pose in front of ``camera``, in mm: see :func:`face_alignment_3d.pose.solve_perspective`.

        ``interpupillary_mm`` is the distance between the pupils, on which all distances depend. Raises
        :class:`LandmarksError` when the landmarks have no pose and ValueError when ``camera`` is one of
        images of another size.
        """
        self._require_size_of(camera)
        return solve_perspective(self.landmarks, camera, interpupillary_mm=interpupillary_mm)

    def landmarks_metric(
        self, camera: Camera, *, interpupillary_mm: float = MEAN_INTERPUPILLARY_MM
    ) -> npt.NDArray[np.float64]:
        """(66, 3): the landmarks in mm in the frame of ``camera``: x right, y down, z along the view.

        See :func:`face_alignment_3d.pose.landmarks_metric`. Raises as :meth:`perspective_pose`.
        """
        self._require_size_of(camera)
        return landmarks_metric(self.landmarks, camera, interpupillary_mm=interpupillary_mm)

    def _require_size_of(self, camera: Camera) -> None:
        if self.image_size is not None and self.image_size != (camera.height, camera.width):
            height, width = self.image_size
            raise ValueError(
                f"the camera must be one of images of {width} x {height} pixels, as the face's; it is of "
                f"{camera.width} x {camera.height}: camera.resized(height={height}, width={width}) if the "
                "image was resized, or a camera with other intrinsics"
            )
