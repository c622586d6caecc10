"""Flow between frames: rigid motion is followed to a fraction of a pixel, and anything else is refused."""

import cv2
import numpy as np
import pytest

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import GROUPS, INNER
from face_alignment_3d.pose.rotation import rotation_by
from face_alignment_3d.video.optical_flow import FaceFlow, moved_with
from tests.video.made_up_scene import shape66
from tests.video.moving_picture import picture

SIZE = 180.0
MIDDLE = np.array([320.0, 240.0])
NONE_LOST = np.zeros(49, bool)


def _points() -> np.ndarray:
    return shape66() * SIZE + [*MIDDLE, 0.0]


def _turned(points: np.ndarray, *, yaw=0.0, pitch=0.0, roll=0.0, scale=1.0, shift=(0.0, 0.0)) -> np.ndarray:
    """Rigidly, about their middle, by degrees; seen from afar."""
    rotation = rotation_by(yaw, pitch, roll)
    middle = points.mean(axis=0)
    moved = scale * (points - middle) @ rotation.T + middle + [*shift, 0.0]
    moved[:, 2] -= moved[:, 2].mean()
    return moved


@pytest.mark.parametrize(
    "motion",
    [
        {},
        {"shift": (31.0, -12.5)},
        {"roll": 4.0, "shift": (3.0, 2.0)},
        {"scale": 1.05},
        {"yaw": 4.0},
        {"pitch": -4.0, "yaw": -3.0, "roll": 2.0, "scale": 0.97, "shift": (-8.0, 5.0)},
    ],
)
def test_a_rigid_motion_carries_all_points_and_their_depth(motion):
    points = _points()
    truth = _turned(points, **motion)
    carried = moved_with(points, truth[INNER, :2], lost=NONE_LOST)
    assert np.abs(carried - truth)[:, :2].max() < 0.003 * SIZE
    assert np.abs(carried - truth)[:, 2].max() < 0.01 * SIZE
    assert carried[:, 2].mean() == pytest.approx(0, abs=1e-9)


def test_one_point_that_is_lost_or_leaves_does_not_matter():
    points = _points()
    truth = _turned(points, shift=(5.0, 1.0))
    wrong = truth[INNER, :2].copy()
    wrong[20] += 40
    for lost in (NONE_LOST, np.arange(49) == 20):
        np.testing.assert_allclose(moved_with(points, wrong, lost=lost), truth, atol=0.2)


@pytest.mark.parametrize("part", ["right_eye", "outer_lips", "left_brow"])
def test_a_part_that_moves_on_its_own_is_refused(part):
    points = _points()
    inner = points.copy()
    inner[GROUPS[part], 1] += 0.012 * SIZE
    assert moved_with(points, inner[INNER, :2], lost=NONE_LOST) is None


def test_a_large_turn_and_many_lost_points_are_refused():
    points = _points()
    assert moved_with(points, _turned(points, yaw=15.0)[INNER, :2], lost=NONE_LOST) is None
    assert moved_with(points, points[INNER, :2], lost=np.arange(49) < 2) is None


def _look(points: np.ndarray) -> Face3D:
    landmarks = points.astype(np.float32)
    return Face3D(landmarks, np.full(66, 0.65, np.float32), box_around(landmarks), 0.9)


def _affine(*, angle=0.0, scale=1.0, shift=(0.0, 0.0)) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D(tuple(MIDDLE), angle, scale)
    matrix[:, 2] += shift
    return matrix


@pytest.mark.parametrize("roll", [0.0, 0.4])
def test_a_face_is_followed_through_frames(roll):
    points = _points()
    look = _look(points)
    flow = FaceFlow(look, picture(), roll=roll)
    for step in (1, 2, 3):
        matrix = _affine(angle=0.8 * step, scale=1 + 0.005 * step, shift=(4.0 * step, -1.5 * step))
        face = flow.propagate(picture(matrix), np.array([3.0, -1.0]))
        truth = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        assert np.abs(face.landmarks[:, :2] - truth).max() < 0.002 * SIZE
        assert face.confidence is look.confidence
        assert face.score == look.score
        assert face.box is look.box


def test_what_comes_before_a_face_is_noticed():
    flow = FaceFlow(_look(_points()), picture(), roll=0.0)
    covered = picture()
    covered[240:330, 250:390] = 90
    assert flow.propagate(covered, np.zeros(2)) is None


def test_another_picture_is_noticed():
    flow = FaceFlow(_look(_points()), picture(), roll=0.0)
    assert flow.propagate(255 - picture()[:, ::-1], np.zeros(2)) is None


def test_a_picture_without_texture_carries_nothing():
    plain = np.full((480, 640, 3), 128, np.uint8)
    flow = FaceFlow(_look(_points()), plain, roll=0.0)
    assert flow.propagate(plain, np.zeros(2)) is None
