import math

import numpy as np
import pytest
import torch

from face_alignment_3d.markup import FROM_68, MIRROR
from face_alignment_3d.training.labels.random_pose_labels import RandomPoseLabels
from tests.training.synthetic_faces import mean_face, posed_faces, turn


@pytest.fixture
def untouched(monkeypatch):
    """Draws without rotation and noise."""
    monkeypatch.setattr(
        RandomPoseLabels, "_angles", staticmethod(lambda count, generator: torch.zeros(count, 3))
    )
    monkeypatch.setattr("face_alignment_3d.training.labels.random_pose_labels._MAX_NOISE", 0.0)


def _draw(labels, count=400, seed=0):
    points, z = labels.sample(count, torch.Generator().manual_seed(seed))
    return points.numpy(), z.numpy()


def test_draws_are_a_function_of_the_generator():
    labels = RandomPoseLabels(posed_faces(10, seed=1)[0][:, FROM_68])
    first, again, other = _draw(labels), _draw(labels), _draw(labels, seed=1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_shapes_units_and_zero_mean():
    points, z = _draw(RandomPoseLabels(posed_faces(10, seed=1)[0][:, FROM_68]))
    assert points.shape == (400, 66, 2)
    assert z.shape == (400, 66)
    assert points.dtype == z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=1e-5)
    spread = np.sqrt((np.square(points).sum(axis=(1, 2)) + np.square(z).sum(axis=1)) / (66 * 3))
    np.testing.assert_allclose(spread, 1, atol=0.1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_at_rest_they_face_the_camera(untouched, seed):
    """Whatever the poses that they came in, the first's too."""
    points, z = _draw(RandomPoseLabels(posed_faces(30, seed=seed)[0][:, FROM_68]))
    nose, right_eye, left_eye, chin = (points[:, i] for i in (30, 36, 45, 8))
    assert (z[:, 30:31] < np.delete(z, range(27, 36), axis=1)).all()
    assert (right_eye[:, 0] < nose[:, 0]).all()
    assert (nose[:, 0] < left_eye[:, 0]).all()
    assert (chin[:, 1] > nose[:, 1]).all()
    np.testing.assert_allclose((z[:, 36] - z[:, 45]).mean(), 0, atol=0.05)


def test_z_goes_with_x_and_y(untouched):
    """One shape, so every draw is that shape: the true z belongs to the drawn x and y."""
    face = (mean_face() * [1.0, 1.1, 0.9]) @ turn(5, 40, -20).T
    points, z = _draw(RandomPoseLabels(face[None, FROM_68]), count=20)
    expected = mean_face()[FROM_68] * [1.0, 1.1, 0.9]
    expected = expected - expected.mean(axis=0)
    drawn = np.concatenate([points, z[..., None]], axis=-1)
    for shape in drawn:
        distances = np.linalg.norm(shape[:, None] - shape, axis=-1)
        true_distances = np.linalg.norm(expected[:, None] - expected, axis=-1)
        np.testing.assert_allclose(
            distances / distances.mean(), true_distances / true_distances.mean(), atol=1e-4
        )


def test_half_are_mirrored_and_stay_in_markup_order(untouched):
    face = mean_face()
    face[17:22, 1] -= 0.3  # One brow up.
    points, z = _draw(RandomPoseLabels(np.stack([face, mean_face() * 1.01])[:, FROM_68]))
    drawn = np.concatenate([points, z[..., None]], axis=-1)
    right_brow_up = points[:, 17:22, 1].mean(axis=1) < points[:, 22:27, 1].mean(axis=1) - 0.2
    left_brow_up = points[:, 22:27, 1].mean(axis=1) < points[:, 17:22, 1].mean(axis=1) - 0.2
    assert 60 < right_brow_up.sum() < 140
    assert 60 < left_brow_up.sum() < 140
    original, mirrored = drawn[right_brow_up][0], drawn[left_brow_up][0]
    np.testing.assert_allclose(mirrored, original[MIRROR] * [-1, 1, 1], atol=1e-6)


def test_draws_reach_profile_and_lying_heads():
    angles = RandomPoseLabels._angles(4000, torch.Generator().manual_seed(0)) * (180 / math.pi)
    assert (angles[:, 1].abs() > 70).float().mean() > 0.08
    assert (angles[:, 2].abs() > 90).float().mean() > 0.02
    assert (angles.abs() < 20).all(dim=1).float().mean() > 0.15
    assert angles.mean(dim=0).abs().max() < 3


def test_noise_is_small_and_in_x_and_y_only(monkeypatch):
    monkeypatch.setattr(
        RandomPoseLabels, "_angles", staticmethod(lambda count, generator: torch.zeros(count, 3))
    )
    points, z = _draw(RandomPoseLabels(mean_face()[None, FROM_68]))
    eyes = abs(points[0, 36, 0] - points[0, 45, 0])
    noise = (points - np.median(points, axis=0)) / eyes
    assert 0.01 < noise.std() < 0.03
    np.testing.assert_allclose(z, np.broadcast_to(z[:1], z.shape), atol=1e-5)
