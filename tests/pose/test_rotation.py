"""Angles mean what docs/coordinates.md says, and give back the rotation."""

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from face_alignment_3d.pose.rotation import angles_of, quaternion_of, rotation_by

_NOSE = np.array([0.0, 0.0, -1.0])


def test_signs() -> None:
    assert (rotation_by(30, 0, 0) @ _NOSE)[0] == pytest.approx(0.5)  # To the image's right.
    assert (rotation_by(0, 30, 0) @ _NOSE)[1] == pytest.approx(0.5)  # Down.
    crown = rotation_by(0, 0, 30) @ [0.0, -1.0, 0.0]
    np.testing.assert_allclose(crown, [0.5, -np.sqrt(0.75), 0], atol=1e-12)  # Clockwise: to the right.


def test_the_training_code_turns_the_same_way() -> None:
    import torch

    from face_alignment_3d.training.data.lifting import rotation

    for yaw, pitch, roll in [(30.0, 0.0, 0.0), (10.0, -20.0, 35.0), (-80.0, 15.0, -100.0)]:
        theirs = rotation(torch.deg2rad(torch.tensor([[pitch, yaw, roll]], dtype=torch.float64)))[0].numpy()
        np.testing.assert_allclose(rotation_by(yaw, pitch, roll), theirs, atol=1e-12)


@pytest.mark.parametrize("yaw", [-175, -120, -89, -45, 0, 30, 89.9, 91, 150])
def test_angles_and_rotation_are_inverse(yaw: float) -> None:
    for pitch, roll in itertools.product((-80, -10, 0, 45), (-170, -90, 0, 20, 180)):
        rotation = rotation_by(yaw, pitch, roll)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        found = angles_of(rotation)
        np.testing.assert_allclose(rotation_by(*found), rotation, atol=1e-12)
        difference = (np.array(found) - [yaw, pitch, roll] + 180) % 360 - 180
        np.testing.assert_allclose(difference, 0, atol=1e-6)


@pytest.mark.parametrize("yaw", [-90, 90])
def test_in_gimbal_lock_the_pitch_is_zero(yaw: float) -> None:
    rotation = rotation_by(yaw, 20, 50)
    found = angles_of(rotation)
    assert found.pitch == 0
    assert found.yaw == pytest.approx(yaw)
    np.testing.assert_allclose(rotation_by(*found), rotation, atol=1e-6)


def test_quaternions_are_scipys() -> None:
    rotations = Rotation.from_quat(np.random.default_rng(0).normal(size=(200, 4)))
    turns = [Rotation.from_rotvec(np.pi * np.eye(3)[axis]) for axis in range(3)]
    for rotation in [*rotations, *turns, Rotation.identity()]:
        quaternion = quaternion_of(rotation.as_matrix())
        assert quaternion[3] >= 0
        assert np.linalg.norm(quaternion) == pytest.approx(1)
        assert abs(quaternion @ rotation.as_quat()) == pytest.approx(1, abs=1e-9)
        np.testing.assert_allclose(
            Rotation.from_quat(quaternion).as_matrix(), rotation.as_matrix(), atol=1e-7
        )
