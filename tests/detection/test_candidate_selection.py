"""The order in which candidates are looked at, and the choice of faces among the results."""

import numpy as np
import pytest

from face_alignment_3d.detection.candidate_selection import (
    MIN_CONFIDENCE,
    SURE,
    certainty_of,
    first_candidates,
    next_candidates,
    select_faces,
)

#: Two at one place, one beside them, one elsewhere.
BOXES = np.array([[0.0, 0, 100, 100], [5, 0, 105, 100], [90, 0, 190, 100], [300, 300, 340, 340]])


def test_the_best_of_each_place_is_looked_at_first() -> None:
    assert first_candidates(BOXES, np.array([0.8, 0.9, 0.7, 0.95])).tolist() == [3, 1, 2]
    assert first_candidates(np.zeros((0, 4)), np.zeros(0)).tolist() == []


def test_the_others_are_looked_at_where_no_face_is_sure() -> None:
    aligned = np.array([3, 1, 2])
    assert next_candidates(BOXES, aligned, np.array([0.6, SURE - 0.01, 0.6])).tolist() == [0]
    assert next_candidates(BOXES, aligned, np.array([0.1, SURE, 0.1])).tolist() == []
    assert next_candidates(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0)).tolist() == []


def test_the_most_confident_of_overlapping_results_stays() -> None:
    confidence = np.array([0.5, 0.6, 0.4, 0.7])
    assert select_faces(BOXES, confidence, confidence, 0.0).tolist() == [1, 2, 3]


def test_what_is_below_the_threshold_is_no_face_and_makes_room_for_none() -> None:
    confidence = np.array([0.1, 0.2, 0.3, 0.5])
    assert select_faces(BOXES, confidence, confidence, 0.25).tolist() == [2, 3]
    assert select_faces(BOXES, confidence, confidence, 0.0).tolist() == [2, 3, 1]


def test_doubtful_faces_come_last_however_large() -> None:
    boxes = np.array([[0.0, 0, 500, 500], [600, 0, 640, 40], [700, 0, 790, 90]])
    confidence = np.array([MIN_CONFIDENCE - 0.1, 0.5, 0.5])
    assert select_faces(boxes, confidence, confidence, 0.0).tolist() == [2, 1, 0]


def test_certainty_is_the_confidence_at_a_score_of_0_9_and_rises_with_the_score() -> None:
    assert certainty_of(0.3, 0.9) == pytest.approx(0.3)
    # log-odds of 0.99 and 0.9: log(99) - log(9) = log(11).
    assert certainty_of(0.3, 0.99) == pytest.approx(0.3 + 0.02 * np.log(11))
    assert certainty_of(0.3, 0.0) == pytest.approx(certainty_of(0.3, 0.01))
    assert certainty_of(0.3, 1.0) == pytest.approx(certainty_of(0.3, 0.999))
