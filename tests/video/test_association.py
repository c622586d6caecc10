"""The association of tracks and detections by known overlaps, distances and similarities."""

import numpy as np
import pytest

from face_alignment_3d.video.association import (
    ReturnCandidate,
    box_overlap,
    match,
    match_detections,
    reidentify,
    tracks_behind_others,
    uncross,
)
from face_alignment_3d.video.config import TrackerConfig

CONFIG = TrackerConfig()


def _box(x, side=100.0):
    return np.array([x, 0.0, x + side, side])


def test_overlap():
    assert box_overlap(_box(0), _box(0)) == pytest.approx(1)
    assert box_overlap(_box(0), _box(50)) == pytest.approx(1 / 3)
    assert box_overlap(_box(0), _box(100)) == 0


def test_the_least_total_cost_wins():
    assert match([[1.0, 2.0], [1.1, 9.0]]) == [(0, 1), (1, 0)]
    assert match([[None, 2.0], [None, 1.0]]) == [(1, 1)]
    assert match([]) == match([[]]) == []


def test_of_two_tracks_on_one_face_the_misfit_is_lost():
    boxes = [_box(0), _box(10), _box(500)]
    assert tracks_behind_others(boxes, [0.1, 0.5, 0.0].__getitem__, CONFIG) == [1]
    assert tracks_behind_others(boxes, [0.5, 0.1, 9.0].__getitem__, CONFIG) == [0]
    assert tracks_behind_others([_box(0), _box(60)], [0.1, 0.5].__getitem__, CONFIG) == []


@pytest.mark.parametrize(("crossed", "faces"), [(0.9, [1, 0]), (0.6, [0, 1])])
def test_faces_are_exchanged_only_for_much_more_similarity(crossed, faces):
    def similarity(track, face):
        return 0.5 if track == face else crossed

    assert uncross([_box(0), _box(60)], similarity, CONFIG) == faces
    assert uncross([_box(0), _box(200)], similarity, CONFIG) == [0, 1]


def test_detections_confirm_tracks():
    tracked, detected = [_box(0), _box(300), _box(600)], [_box(305), _box(900), _box(20)]
    result = match_detections(tracked, [0.9, 0.9, 0.4], detected, CONFIG)
    assert sorted(result.confirmed) == [(0, 2), (1, 0)]
    assert result.unconfirmed == [2]  # The network is in doubt and the detector finds nothing.
    assert result.unmatched == [1]


def test_a_detection_beside_a_tracked_face_is_no_face_of_its_own():
    assert match_detections([_box(0)], [0.9], [_box(0), _box(45)], CONFIG).unmatched == []


def _candidate(similarity, *, distance=0.2, lost_for=1.0, doubted_for=0.0):
    return ReturnCandidate(distance, similarity, lost_for=lost_for, doubted_for=doubted_for)


@pytest.mark.parametrize(
    ("candidate", "returned", "waiting"),
    [
        (_candidate(0.9), True, False),
        (_candidate(0.6), False, True),  # It may be clearer soon.
        (_candidate(0.6, doubted_for=2.5), False, False),
        (_candidate(0.2), False, False),
        (_candidate(0.8, lost_for=11.0), False, True),
        (_candidate(0.9, lost_for=11.0), True, False),
    ],
)
def test_who_is_back(candidate, returned, waiting):
    result = reidentify([{0: candidate}], [False], 1, CONFIG)
    assert result.returned == ([(0, 0)] if returned else [])
    assert result.waiting == ({0} if waiting else set())


def test_a_covered_face_that_may_be_either_of_two_waits():
    result = reidentify([{0: _candidate(0.6), 1: _candidate(0.55)}], [True], 2, CONFIG)
    assert (result.returned, result.waiting) == ([], {0})
    result = reidentify([{0: _candidate(0.6), 1: _candidate(0.1)}], [True], 2, CONFIG)
    assert (result.returned, result.waiting) == ([(0, 0)], set())


def test_the_more_similar_of_two_detections_is_the_lost_face():
    result = reidentify([{0: _candidate(0.75)}, {0: _candidate(0.95)}], [False, False], 1, CONFIG)
    assert result.returned == [(0, 1)]


def test_inputs_stay_as_they_are():
    boxes = [_box(0), _box(60)]
    before = [box.copy() for box in boxes]
    uncross(boxes, lambda *_: 0.5, CONFIG)
    match_detections(boxes, [0.9, 0.9], boxes, CONFIG)
    np.testing.assert_array_equal(boxes, before)
