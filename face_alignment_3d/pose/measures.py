"""Measures of a face: openness of the eyes and the mouth, distance between the eyes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.markup import GROUPS, NUM_LANDMARKS
from face_alignment_3d.pose.head_pose import require_numbers

# Upper and lower lid points that face one another, and the corners, by eye.
_LIDS: Final = {"right": ((37, 41), (38, 40)), "left": ((43, 47), (44, 46))}
_EYE_CORNERS: Final = {"right": (36, 39), "left": (42, 45)}
# Upper and lower points of the lips' inner rim; the corners are those of the outer rim.
_INNER_LIPS: Final = ((60, 65), (61, 64), (62, 63))
_MOUTH_CORNERS: Final = (48, 54)


@dataclass(frozen=True)
class FaceMeasures:
    """Measures of a face. Distances are taken in 3D, so that turning the head does not change them."""

    right_eye_openness: float
    """Mean gap between the subject's right lids over the width of that eye: 0 is shut, about 0.3 is open."""

    left_eye_openness: float
    """The same of the subject's left eye."""

    mouth_openness: float
    """Mean gap between the inner rims of the lips over the mouth's width: 0 is shut, 0.5 and more is
    wide open."""

    interpupillary_distance: float
    """Between the centers of the eyes, in image pixels at the face's scale. The markup has no pupils: a
    center is the mean of an eye's six points."""

    mouth_width: float
    """Between the corners of the mouth, over the distance between the centers of the eyes."""


def measure_face(landmarks: npt.NDArray[np.floating]) -> FaceMeasures:
    """The measures of 66 landmarks (66, 3) in the image frame, or in any similar to it.

    Only ``interpupillary_distance`` depends on the scale. A width of zero makes its ratio NaN. Raises
    :class:`LandmarksError` when the points have another shape or are not finite.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (NUM_LANDMARKS, 3):
        raise LandmarksError(f"landmarks must have shape ({NUM_LANDMARKS}, 3); got {points.shape}")
    require_numbers(points)
    centers = [points[list(GROUPS[f"{side}_eye"])].mean(axis=0) for side in ("right", "left")]
    pupils = float(np.linalg.norm(centers[1] - centers[0]))
    openness = {
        side: _ratio(_gap(points, _LIDS[side]), _gap(points, (_EYE_CORNERS[side],))) for side in _LIDS
    }
    width = _gap(points, (_MOUTH_CORNERS,))
    return FaceMeasures(
        right_eye_openness=openness["right"],
        left_eye_openness=openness["left"],
        mouth_openness=_ratio(_gap(points, _INNER_LIPS), width),
        interpupillary_distance=pupils,
        mouth_width=_ratio(width, pupils),
    )


def _gap(points: npt.NDArray[np.float64], pairs: tuple[tuple[int, int], ...]) -> float:
    """The mean distance between the points of each pair."""
    first, second = np.array(pairs).T
    return float(np.linalg.norm(points[first] - points[second], axis=1).mean())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
