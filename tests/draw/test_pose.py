"""The head's axes are drawn where they point, in their colors."""

import numpy as np
import pytest

from face_alignment_3d.draw import draw_pose
from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE

_EMPTY = np.full((400, 400, 3), 40, np.uint8)


def _face(yaw: float = 0, pitch: float = 0, roll: float = 0) -> Face3D:
    points = 100 * MEAN_FACE @ rotation_by(yaw, pitch, roll).T + [200, 180, 0]
    return Face3D(points.astype(np.float32), np.ones(66, np.float32), np.zeros(4, np.float32), None)


def _center(drawn: np.ndarray, channel: int) -> np.ndarray:
    """The mean pixel of the axis of that color, relative to the middle between the eyes."""
    other = drawn.astype(int)[:, :, [c for c in range(3) if c != channel]].max(axis=2)
    y, x = np.nonzero(drawn[:, :, channel].astype(int) - other > 60)
    return np.array([x.mean(), y.mean()]) - [200, 180]


@pytest.mark.parametrize(
    ("angles", "towards"),
    [((40, 0, 0), (1, 0)), ((-40, 0, 0), (-1, 0)), ((0, 40, 0), (0, 1)), ((0, -40, 0), (0, -1))],
)
def test_blue_points_out_of_the_nose(angles: tuple[float, float, float], towards: tuple[int, int]) -> None:
    found = _center(draw_pose(_EMPTY, [_face(*angles)]), 2)
    assert found @ towards == pytest.approx(100 * 0.9 * np.sin(np.radians(40)) / 2, abs=6)
    assert abs(found @ np.array(towards)[::-1]) < 2


def test_red_points_to_the_subjects_left_and_green_down() -> None:
    drawn = draw_pose(_EMPTY, [_face(roll=30)])
    middle = 100 * 0.9 / 2 * np.array([np.cos(np.radians(30)), np.sin(np.radians(30))])
    np.testing.assert_allclose(_center(drawn, 0), middle, atol=5)
    np.testing.assert_allclose(_center(drawn, 1), [-middle[1], middle[0]], atol=5)


def test_a_new_picture_and_heads_outside_it() -> None:
    before = _EMPTY.copy()
    drawn = draw_pose(_EMPTY, [_face()])
    np.testing.assert_array_equal(before, _EMPTY)
    assert drawn.shape == _EMPTY.shape
    far = Face3D(_face().landmarks + np.float32(9000), np.ones(66, np.float32), np.zeros(4, np.float32), None)
    np.testing.assert_array_equal(draw_pose(_EMPTY, [far]), _EMPTY)


def test_no_pose() -> None:
    flat = Face3D(np.zeros((66, 3), np.float32), np.ones(66, np.float32), np.zeros(4, np.float32), None)
    with pytest.raises(LandmarksError):
        draw_pose(_EMPTY, [flat])
