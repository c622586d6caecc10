"""Measuring on photos the differences between the landmark network's points and ICT-FaceKit's."""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.blendshapes.reading import Reading, eye_and_brow_coordinates, eye_openness
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.pose.head_pose import canonical_points, estimate_pose
from face_alignment_3d.pose.measures import measure_face
from face_alignment_3d.training.blendshapes.photos import PhotoLandmarks

Floats = npt.NDArray[np.float64]

#: Lips that are closer than this, over the mouth's width, touch; the median face with such lips shows no
#: expression.
_CLOSED_LIPS: Final = 0.035
#: An eye whose hand-made lids are closer than this, over its width, is shut.
SHUT_EYE: Final = 0.1
#: Beyond this yaw, degrees, an eye's width in the photo is not its width.
_MOST_YAW: Final = 25.0
#: Weight of shut eyes among all others, which are fifty times as many, and of the ridge.
_SHUT_WEIGHT: Final = 4.0
_RIDGE: Final = 0.01
_FEWEST_FACES: Final = 50
_FEWEST_SHUT: Final = 8


def measure_reading(photos: PhotoLandmarks, neutral: Floats) -> Reading:
    """Measures the :class:`Reading` from photos and the canonical points (66, 3) of ICT-FaceKit's mean face.

    Raises :class:`DataError` when there are too few faces in front view, with closed lips or with shut eyes.
    """
    is_frontal = np.array([abs(estimate_pose(points).yaw) < _MOST_YAW for points in photos.landmarks])
    points, hand = canonical_points(photos.landmarks[is_frontal]), photos.hand[is_frontal]
    # The left eye, mirrored, is one more right eye.
    eyes = np.concatenate([points, points[:, MIRROR] * [-1.0, 1.0, 1.0]])
    openness = eye_openness(np.concatenate([hand, hand[:, MIRROR] * [-1.0, 1.0]]))
    weight, bias = _lid_reading(eyes, openness)

    lips = np.array([measure_face(face).mouth_openness for face in points])
    resting = points[lips < _CLOSED_LIPS]
    if len(resting) < _FEWEST_FACES:
        raise DataError(f"expected {_FEWEST_FACES} faces with closed lips in the photos; got {len(resting)}")
    lids_read = Reading(np.zeros_like(neutral), weight, bias).read(resting)
    offset = np.median(lids_read, axis=0) - neutral
    return Reading((offset + offset[MIRROR] * [-1.0, 1.0, 1.0]) / 2, weight, bias)


def _lid_reading(eyes: Floats, openness: Floats) -> tuple[Floats, float]:
    """Weight (33,) and bias of the lids' gap: ridge regression, scaled so that shut eyes have a gap of 0."""
    is_shut = openness < SHUT_EYE
    if is_shut.sum() < _FEWEST_SHUT:
        raise DataError(f"expected {_FEWEST_SHUT} shut eyes among the hand-made labels; got {is_shut.sum()}")
    seen = eye_and_brow_coordinates(eyes)
    share = np.where(is_shut, _SHUT_WEIGHT, 1.0)
    share /= share.sum()
    mean, mean_openness = share @ seen, share @ openness
    spread = seen.std(axis=0).mean()
    centered = (seen - mean) / spread
    gram = (centered * share[:, None]).T @ centered + _RIDGE * np.eye(centered.shape[1])
    weight = np.linalg.solve(gram, (centered * share[:, None]).T @ (openness - mean_openness)) / spread
    # Regression answers halfway between what it is sure of and the mean: shut eyes come out half open.
    read = (seen - mean) @ weight + mean_openness
    median = float(np.median(read))
    stretch = (median - openness[is_shut].mean()) / (median - read[is_shut].mean())
    return stretch * weight, float(median + stretch * (mean_openness - mean @ weight - median))
