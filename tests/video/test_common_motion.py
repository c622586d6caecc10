"""The motion of a face as a whole: exact where there is nothing else, and not fooled by a few points."""

import numpy as np
import pytest

from face_alignment_3d.video.motion import CommonMotion
from tests.video.made_up_scene import shape66

FACE = 150 * shape66()
NOISE = np.ones(66)


def _affine(seed=0):
    generator = np.random.default_rng(seed)
    return FACE @ generator.normal(0, 0.05, (3, 3)) + generator.normal(0, 5, 3)


def test_an_affine_motion_is_found_whole():
    moved = _affine()
    common = CommonMotion(FACE, NOISE, moved)
    assert common.fit(moved).shape == (4, 3)
    np.testing.assert_allclose(common.displacements(common.fit(moved)), moved, atol=0.01)


def test_its_numbers_are_typical_displacements_in_pixels():
    common = CommonMotion(FACE, NOISE, np.zeros((66, 3)))
    for way in range(4):
        motion = np.zeros((4, 3))
        motion[way, 0] = 2.0
        moved = common.displacements(motion)
        assert np.sqrt(np.mean(moved[:, 0] ** 2)) == pytest.approx(2.0, rel=0.01)
        np.testing.assert_allclose(common.fit(moved), motion, atol=0.01)


def test_a_mouth_that_opens_does_not_move_the_head():
    moved = np.zeros((66, 3))
    moved[48:, 1] = 10.0

    def of_the_rest(seen):
        common = CommonMotion(FACE, NOISE, seen)
        return np.abs(common.displacements(common.fit(moved))[:36]).max()

    least_squares = of_the_rest(np.zeros((66, 3)))
    assert of_the_rest(moved) < 0.4 * least_squares


def test_noisy_points_count_less():
    moved = np.zeros((66, 3))
    moved[:17, 0] = 2.0
    jaw_is_noisy = np.where(np.arange(66) < 17, 4.0, 1.0)

    def shift(noise):
        return np.abs(CommonMotion(FACE, noise, moved).fit(moved)[0, 0])

    assert shift(jaw_is_noisy) < 0.5 * shift(NOISE)


def test_a_flat_face_and_one_point_four_times_are_no_problem():
    flat = FACE * [1, 1, 0]
    moved = np.tile([3.0, 1.0, 2.0], (66, 1))
    for points in (flat, np.tile(FACE[:1], (66, 1))):
        common = CommonMotion(points, NOISE, moved)
        np.testing.assert_allclose(common.displacements(common.fit(moved)), moved, atol=0.01)
