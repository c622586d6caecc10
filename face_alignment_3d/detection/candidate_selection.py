"""Choosing the faces among a detector's candidates, by the confidence of the landmark network.

A detector is poor at telling the angle of a head, or a face from fur. The network is good at both: its two
stages agree on the landmarks of a face that is upright in its crop, and on hardly anything else. So the
detector returns many candidates, at several angles where it is in doubt. The network first aligns the best
candidate of each place, and then the others of those places where the best one was not certainly a face.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.overlap import (
    best_of_each_place,
    intersection_over_smaller,
    intersection_over_union,
    pairs_above,
)

#: Certainty below which a candidate is no face, unless the caller says otherwise. Chosen on
#: training faces and on everyday photos without people; docs/detection.md has the numbers.
MIN_CONFIDENCE: Final = 0.22
#: Mean confidence from which on no other candidate of the same place is aligned: no face at a wrong angle
#: reaches it.
SURE: Final = 0.4

#: Intersection over union of candidates of one place.
_SAME_PLACE: Final = 0.3
#: Intersection over the smaller box, from which on two results are one face, or a part of a face.
_SAME_FACE: Final = 0.6

#: Certainty for each unit of the score's log-odds, and the score that adds nothing.
_PER_LOG_ODDS: Final = 0.02
_NEUTRAL_SCORE: Final = 0.9
_SCORES: Final = (0.01, 0.999)

_Boxes = npt.NDArray[np.floating]
_Indices = npt.NDArray[np.int64]


def certainty_of(confidence: float, score: float) -> float:
    """The certainty in [0, 1] that a result is a face, from its landmarks and the detector's score.

    It is the mean ``confidence`` of the landmarks, plus up to 0.09 for a detector's score above 0.9 or minus
    up to 0.14 for one below. The network is less confident of profiles, of which it sees half the landmarks;
    the detector is not.
    """
    low, high = _SCORES
    clipped = min(max(score, low), high)
    certainty = confidence + _PER_LOG_ODDS * (_log_odds(clipped) - _log_odds(_NEUTRAL_SCORE))
    return min(max(certainty, 0.0), 1.0)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def first_candidates(boxes: _Boxes, scores: npt.NDArray[np.floating]) -> _Indices:
    """Indices of the candidates to align first: the best of each place by the detector's score (F,).

    ``boxes`` (F, 4) are x0, y0, x1, y1. Best first.
    """
    return best_of_each_place(pairs_above(intersection_over_union, boxes, boxes, _SAME_PLACE), scores)


def next_candidates(boxes: _Boxes, looked_at: _Indices, confidence: npt.NDArray[np.floating]) -> _Indices:
    """Indices of the candidates to align next, given the results of the first ones.

    ``confidence`` (L,) is the mean confidence of those at ``looked_at`` (L,). All others are returned but
    those at the place of a sure face.
    """
    if len(looked_at) == len(boxes):
        return np.zeros(0, np.int64)
    sure = looked_at[confidence >= SURE]
    near = pairs_above(intersection_over_union, boxes, boxes[sure], _SAME_PLACE)
    explained = np.flatnonzero(near.any(axis=1))
    return np.setdiff1d(np.arange(len(boxes)), np.concatenate([explained, looked_at]))


def select_faces(
    boxes: _Boxes,
    confidence: npt.NDArray[np.floating],
    certainty: npt.NDArray[np.floating],
    min_confidence: float,
) -> _Indices:
    """Indices of the faces among results of the network, in the order in which they are given to a caller.

    ``boxes`` (F, 4) are around the landmarks, ``confidence`` (F,) is their mean, ``certainty`` (F,) as of
    :func:`certainty_of`. Of results that overlap, the most confident stays; those whose certainty is below
    ``min_confidence`` are no faces. Large faces come first, and after all of them those that are doubtful
    (below :data:`MIN_CONFIDENCE`).
    """
    common = pairs_above(intersection_over_smaller, boxes, boxes, _SAME_FACE)
    kept = best_of_each_place(common, confidence)
    faces = kept[certainty[kept] >= min_confidence]
    areas = (boxes[faces, 2] - boxes[faces, 0]) * (boxes[faces, 3] - boxes[faces, 1])
    return faces[np.lexsort((-areas, certainty[faces] < MIN_CONFIDENCE))]
