"""Outcomes of boxes in a scene, and their average precision."""

import numpy as np
import pytest

from face_alignment_3d.detection.centerface import CENTERFACE_BOXES
from face_alignment_3d.training.detection.held_out import Scene, average_precision


def test_each_face_is_hit_once_and_some_do_not_count() -> None:
    drawn = np.array([[10.0, 10, 50, 60], [100, 10, 140, 60]])
    scene = Scene(np.zeros((80, 160, 3), np.uint8), drawn, np.array([True, False]))
    first, second = CENTERFACE_BOXES.apply(drawn)
    found = np.stack([first, first + 1, second, second + 60])
    np.testing.assert_array_equal(scene.outcomes(found), [1, 0, -1, 0])
    np.testing.assert_array_equal(scene.matched(found), [0, -1, 1, -1])
    assert len(scene.outcomes(np.zeros((0, 4)))) == 0


def test_average_precision_of_a_known_list() -> None:
    """Hit, false, hit of three faces: 1 and 2/3 of precision over a third of recall each."""
    certainty = np.array([0.5, 0.9, 0.7])
    is_hit = np.array([True, True, False])
    assert average_precision(certainty, is_hit, 3) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(certainty[:0], is_hit[:0], 3) == 0
