"""The pose of a known face is the known pose; expressions do not turn it; the way back is exact."""

import numpy as np
import numpy.typing as npt
import pytest

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.pose import Angles, HeadPose, canonical_points, estimate_pose, rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE, RIGID_WEIGHTS

_POSES = [(0, 0, 0), (30, 0, 0), (-60, 10, 5), (85, -20, -30), (10, 35, 170), (-95, 5, 0)]


def _posed(shape: npt.NDArray[np.float64], angles: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    return 140 * shape @ rotation_by(*angles).T + [320.5, 201.25, -17]


def test_mean_face_is_canonical() -> None:
    np.testing.assert_allclose(MEAN_FACE[MIRROR] * [-1, 1, 1], MEAN_FACE, atol=1e-12)
    np.testing.assert_allclose(MEAN_FACE[36] + MEAN_FACE[45], 0, atol=1e-12)
    assert np.linalg.norm(MEAN_FACE[45] - MEAN_FACE[36]) == pytest.approx(1)
    assert MEAN_FACE[45, 0] > 0  # The subject's left.
    assert MEAN_FACE[8, 1] > MEAN_FACE[30, 1] > 0  # The chin is below the nose, the nose below the eyes.
    assert MEAN_FACE[30, 2] < 0 < MEAN_FACE[0, 2]  # The nose is nearer than the ears.
    np.testing.assert_array_equal(RIGID_WEIGHTS[MIRROR], RIGID_WEIGHTS)


def test_constants_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        MEAN_FACE[0] = 0


@pytest.mark.parametrize("angles", _POSES)
def test_the_mean_face_has_the_pose_it_is_given(angles: tuple[float, float, float]) -> None:
    pose = estimate_pose(_posed(MEAN_FACE, angles))
    np.testing.assert_allclose(pose.angles, angles, atol=1e-6)
    assert (pose.yaw, pose.pitch, pose.roll) == pose.angles
    assert isinstance(pose.angles, Angles)
    assert pose.scale == pytest.approx(140)
    np.testing.assert_allclose(pose.translation, [320.5, 201.25, -17], atol=1e-9)
    assert np.linalg.det(pose.rotation) == pytest.approx(1)


@pytest.mark.parametrize("angles", _POSES)
def test_there_and_back(angles: tuple[float, float, float]) -> None:
    generator = np.random.default_rng(1)
    landmarks = _posed(MEAN_FACE + generator.normal(0, 0.03, (66, 3)), angles)
    pose = estimate_pose(landmarks)
    canonical = pose.to_canonical(landmarks)
    np.testing.assert_allclose(pose.to_image(canonical), landmarks, rtol=0, atol=1e-10)
    homogeneous = np.column_stack([canonical, np.ones(66)])
    np.testing.assert_allclose((homogeneous @ pose.matrix.T)[:, :3], landmarks, rtol=0, atol=1e-10)
    assert np.linalg.det(pose.rotation) == pytest.approx(1)


def test_two_views_of_a_face_have_the_same_canonical_points() -> None:
    shape = MEAN_FACE + np.random.default_rng(2).normal(0, 0.04, (66, 3))
    views = [_posed(shape, angles) for angles in _POSES]
    canonical = [estimate_pose(view).to_canonical(view) for view in views]
    for other in canonical[1:]:
        np.testing.assert_allclose(other, canonical[0], atol=1e-9)


def test_expressions_hardly_turn_the_head() -> None:
    shape = MEAN_FACE.copy()
    shape[54:60, 1] += 0.35  # The jaw drops by a third of the inter-ocular distance,
    shape[63:66, 1] += 0.35
    shape[4:13, 1] += 0.35
    shape[[37, 38, 43, 44], 1] += 0.08  # the eyes close,
    shape[17:27, 1] -= 0.1  # the brows rise.
    pose = estimate_pose(_posed(shape, (20, 0, 0)))
    assert abs(pose.pitch) < 4
    assert pose.yaw == pytest.approx(20, abs=1)
    assert pose.roll == pytest.approx(0, abs=1)


def test_noise_moves_angles_little() -> None:
    generator = np.random.default_rng(3)
    noisy = [_posed(MEAN_FACE + generator.normal(0, 0.02, (66, 3)), (40, -10, 5)) for _ in range(50)]
    found = np.array([estimate_pose(points).angles for points in noisy])
    np.testing.assert_allclose(found.mean(axis=0), [40, -10, 5], atol=0.5)
    assert found.std(axis=0).max() < 1.2


def test_a_mirrored_face_has_the_mirrored_pose() -> None:
    points = _posed(MEAN_FACE + np.random.default_rng(4).normal(0, 0.03, (66, 3)), (25, 12, -8))
    pose = estimate_pose(points)
    mirrored = estimate_pose(points[MIRROR] * [-1, 1, 1])
    np.testing.assert_allclose(mirrored.angles, [-pose.yaw, pose.pitch, -pose.roll], atol=1e-9)


def test_a_flat_face_has_a_pose_and_no_reflection() -> None:
    flat = _posed(MEAN_FACE, (0, 0, 10)) * [1, 1, 0]
    pose = estimate_pose(flat)
    assert np.linalg.det(pose.rotation) == pytest.approx(1)
    assert pose.roll == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (np.zeros((68, 3)), r"must have shape \(66, 3\).*got \(68, 3\)"),
        (np.full((66, 3), np.nan), "must be finite"),
        (np.zeros((66, 3)), "on a line"),
        (np.outer(np.arange(66.0), [1, 2, 3]), "on a line"),
    ],
)
def test_what_has_no_pose(landmarks: npt.NDArray[np.float64], message: str) -> None:
    with pytest.raises(LandmarksError, match=message):
        estimate_pose(landmarks)


def test_on_the_face() -> None:
    landmarks = _posed(MEAN_FACE, (-15, 5, 3)).astype(np.float32)
    face = Face3D(landmarks, np.ones(66, np.float32), np.zeros(4, np.float32), 0.5)
    np.testing.assert_allclose(face.pose.angles, (-15, 5, 3), atol=1e-3)
    assert face.pose is face.pose
    assert isinstance(face.pose, HeadPose)
    np.testing.assert_allclose(face.points_canonical, MEAN_FACE, atol=1e-5)
    np.testing.assert_array_equal(face.pose.to_image(face.points_canonical).astype(np.float32), landmarks)
    assert not face.points_canonical.flags.writeable


def test_many_faces_at_once_are_each_as_alone() -> None:
    rng = np.random.default_rng(3)
    faces = np.stack(
        [
            (40 + 20 * i)
            * (MEAN_FACE + 0.02 * rng.standard_normal((66, 3)))
            @ rotation_by(10 * i, 5, -7 * i).T
            + i
            for i in range(4)
        ]
    )
    together = canonical_points(faces)
    for face, points in zip(faces, together, strict=True):
        np.testing.assert_allclose(points, estimate_pose(face).to_canonical(face), atol=1e-12)


def test_many_faces_need_66_points_each() -> None:
    with pytest.raises(LandmarksError, match=r"\(N, 66, 3\)"):
        canonical_points(np.zeros((66, 3)))
