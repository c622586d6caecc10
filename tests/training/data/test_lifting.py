import numpy as np
import pytest
import torch

from face_alignment_3d.training.data.lifting import FAR_SIDE_YAW, lift, rotation
from tests.training.synthetic_faces import face_model, mean_face, posed_faces, turn

COUNT = 24


@pytest.fixture(scope="module")
def faces():
    return posed_faces(COUNT, seed=3)


@pytest.fixture(scope="module")
def lifted(faces):
    """The faces, and the same ones turned by 50 degrees in the image plane, in one go."""
    points, _ = faces
    rolled = points @ turn(0, 0, 50).T
    both = lift(np.concatenate([points, rolled])[..., :2], face_model())
    fields = (both.points, both.yaw, both.residual, both.far_jaw)
    return [field[:COUNT] for field in fields], [field[COUNT:] for field in fields]


def _eyes(points):
    return np.linalg.norm(points[:, 36] - points[:, 45], axis=-1)


def test_shapes_and_types(lifted):
    points, yaw, residual, far_jaw = lifted[0]
    assert points.shape == (COUNT, 68, 3)
    assert yaw.shape == residual.shape == (COUNT,)
    assert far_jaw.shape == (COUNT, 17)
    assert far_jaw.dtype == bool


def test_depth_is_recovered(faces, lifted):
    truth, _ = faces
    points = lifted[0][0]
    error = np.abs(points[..., 2] - truth[..., 2]).mean(axis=1) / _eyes(truth)
    assert error.mean() < 0.02
    # A turned narrow face and a less turned wide one look much alike: there the prior decides.
    assert np.median(error) < 0.015
    assert error.max() < 0.1
    np.testing.assert_allclose(points[..., 2].mean(axis=1), 0, atol=1e-9)


def test_the_fit_goes_through_the_points(faces, lifted):
    truth, _ = faces
    points, _, residual, far_jaw = lifted[0]
    assert residual.max() < 0.002
    # The far side's jaw was not fitted at all; the rest of the face says where it is.
    hidden = np.linalg.norm(points[:, :17, :2] - truth[:, :17, :2], axis=-1)[far_jaw]
    assert hidden.max() / _eyes(truth).mean() < 0.05


def test_yaw_is_positive_when_the_nose_points_to_the_images_right(faces, lifted):
    truth, angles = faces
    yaw = lifted[0][1]
    np.testing.assert_allclose(yaw, angles[:, 1], atol=6)
    nose = truth[:, 30, 0] - truth[:, [36, 45], 0].mean(axis=1)
    far = (np.abs(angles[:, 1]) > 30) & (np.abs(angles[:, 2]) < 10)
    assert far.any()
    np.testing.assert_array_equal(np.sign(nose[far]), np.sign(yaw[far]))


def test_the_jaw_is_hidden_on_the_side_that_turns_away(faces, lifted):
    truth, _ = faces
    yaw, far_jaw = lifted[0][1], lifted[0][3]
    assert not far_jaw[np.abs(yaw) <= FAR_SIDE_YAW].any()
    right, left = far_jaw[:, :8].any(axis=1), far_jaw[:, 9:].any(axis=1)
    np.testing.assert_array_equal(left, yaw > FAR_SIDE_YAW)
    np.testing.assert_array_equal(right, yaw < -FAR_SIDE_YAW)
    assert not far_jaw[:, 8].any()
    turned = np.abs(yaw) > FAR_SIDE_YAW
    shown_depth = np.where(left, truth[:, 0, 2], truth[:, 16, 2])[turned]
    hidden_depth = np.where(left, truth[:, 16, 2], truth[:, 0, 2])[turned]
    assert (hidden_depth > shown_depth).all()


def test_a_rolled_picture_gives_the_same_face_rolled(faces, lifted):
    truth, _ = faces
    (points, yaw, residual, far_jaw), (rolled, rolled_yaw, rolled_residual, rolled_far_jaw) = lifted
    back = rolled @ turn(0, 0, 50)
    assert np.abs(back - points).max() / _eyes(truth).mean() < 0.02
    np.testing.assert_allclose(rolled_yaw, yaw, atol=1)
    np.testing.assert_allclose(rolled_residual, residual, atol=1e-3)
    np.testing.assert_array_equal(rolled_far_jaw, far_jaw)


def test_noise_raises_the_residual_to_its_own_size():
    points, _ = posed_faces(2, seed=8)
    noise = np.random.default_rng(9).normal(0, 3, points[..., :2].shape)
    residual = lift(points[..., :2] + noise, face_model()).residual
    extent = points[..., :2].max(axis=1) - points[..., :2].min(axis=1)
    # A Gaussian of std s leaves a mean distance of 1.25 s; the fit can follow a little of it.
    expected = 1.25 * 3 / np.sqrt(extent.prod(axis=1))
    assert (residual < 1.2 * expected).all()
    assert (residual > 0.6 * expected).all()


def test_rotation_follows_its_conventions():
    angles = np.random.default_rng(10).uniform(-180, 180, (6, 3))
    matrices = rotation(torch.deg2rad(torch.from_numpy(angles))).numpy()
    for matrix, degrees in zip(matrices, angles, strict=True):
        np.testing.assert_allclose(matrix, turn(*degrees), atol=1e-12)
    nose = mean_face()[30]
    to_the_right = rotation(torch.deg2rad(torch.tensor([[0.0, 40.0, 0.0]]))).numpy()[0] @ nose
    assert to_the_right[0] > 0.3
