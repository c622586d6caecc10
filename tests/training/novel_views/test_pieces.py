"""Gaps, surfaces, depth, poses: what views are drawn with."""

import numpy as np
import pytest

from face_alignment_3d.training.novel_views.depth_map import head_depth
from face_alignment_3d.training.novel_views.poses import EVALUATION, TRAINING, PoseRange, sample_pose
from face_alignment_3d.training.novel_views.surface import fill, render
from tests.training.round_head import RADII, round_head


def test_fill_keeps_what_is_known_and_continues_it():
    generator = np.random.default_rng(0)
    values = generator.uniform(1, 2, (33, 47, 2)).astype(np.float32)
    known = generator.random((33, 47)) < 0.2
    filled = fill(values, known)
    np.testing.assert_array_equal(filled[known], values[known])
    assert filled.min() >= values[known].min() - 1e-5
    assert filled.max() <= values[known].max() + 1e-5


def test_fill_of_a_constant_is_that_constant():
    known = np.zeros((20, 31), dtype=bool)
    known[3, 5] = True
    np.testing.assert_allclose(fill(np.full((20, 31), 7.0, dtype=np.float32), known), 7.0, rtol=1e-5)


def test_fill_of_nothing_is_zero():
    values = np.ones((5, 6), dtype=np.float32)
    np.testing.assert_array_equal(fill(values, np.zeros((5, 6), dtype=bool)), 0)


def sheet(side, depth, *, stretch=1.0):
    """Quads of a plane in front of the camera, and their own (x, y) as values."""
    ys, xs = np.mgrid[:side, :side].astype(np.float32)
    grid = np.stack([xs * stretch, ys * stretch, np.full_like(xs, depth)], axis=-1)
    corners = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2)
    corners = corners.reshape(-1, 4, 3)
    return corners, np.ascontiguousarray(corners[..., :2]) / stretch


@pytest.mark.parametrize("stretch", [0.5, 1.0, 2.7, 9.0])
def test_a_sheet_is_drawn_without_gaps_and_in_place(stretch):
    corners, values = sheet(12, 5.0, stretch=stretch)
    side = int(11 * stretch) - 1
    drawn = render(corners, values, size=(side, side), thickness=1.0)
    assert np.isfinite(drawn.depth).all()
    ys, xs = np.mgrid[:side, :side]
    error = drawn.values - np.stack([xs, ys], axis=-1) / stretch
    assert np.abs(error[1:, 1:]).max() < 0.51 / stretch + 0.02
    assert np.abs(error[1:, 1:].mean(axis=(0, 1))).max() < 0.15 / stretch + 0.02


def test_the_nearer_surface_hides_the_other():
    near, far = sheet(10, 1.0), sheet(10, 9.0)
    corners = np.concatenate([far[0], near[0]])
    values = np.concatenate([np.zeros_like(far[1]), np.ones_like(near[1])])
    drawn = render(corners, values, size=(9, 9), thickness=1.0)
    np.testing.assert_array_equal(drawn.values, 1)
    np.testing.assert_array_equal(drawn.depth, 1)


def test_torn_quads_are_left_out():
    corners, values = sheet(2, 0.0, stretch=40.0)
    assert np.isinf(render(corners, values, size=(40, 40), thickness=1.0).depth).all()


def test_head_depth_is_that_of_the_front():
    model = round_head()
    skin = model.neutral * 10 + np.array([120.0, 120.0, 0.0], dtype=np.float32)
    depth, head = head_depth(skin, model.quads, size=(240, 240))
    ys, xs = np.mgrid[:240, :240]
    squared = ((xs - 120) / (10 * RADII[0])) ** 2 + ((ys - 120) / (10 * RADII[1])) ** 2
    inner = squared < 0.85
    assert head[inner].all()
    assert not head[squared > 1.08].any()
    front = -10 * RADII[2] * np.sqrt(np.clip(1 - squared, 0, None))
    assert np.abs(depth - front)[inner].mean() < 0.8


@pytest.mark.parametrize("wanted", [*TRAINING, *EVALUATION])
@pytest.mark.parametrize("yaw", [-70.0, -25.0, -3.0, 0.0, 8.0, 40.0])
def test_poses_are_in_range_and_never_turn_back(wanted: PoseRange, yaw):
    generator = np.random.default_rng(3)
    for _ in range(50):
        pose = sample_pose((5.0, yaw, -12.0), wanted, generator)
        if pose is None:
            assert abs(yaw) > wanted.yaw[1]
            continue
        pitch, new_yaw, roll = pose
        assert wanted.yaw[0] <= abs(new_yaw) <= wanted.yaw[1]
        assert abs(pitch) <= wanted.max_pitch
        assert roll == -12.0
        if abs(yaw) > 10:
            assert np.sign(new_yaw) == np.sign(yaw)
            assert abs(new_yaw) >= abs(yaw) - 10


def test_a_face_turned_beyond_the_range_has_no_view_in_it():
    assert sample_pose((0.0, 70.0, 0.0), PoseRange((0.0, 30.0), 5.0), np.random.default_rng(0)) is None
