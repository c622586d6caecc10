"""Openness and distances of a face whose measures are known."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.pose import measure_face, rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE


def _face() -> npt.NDArray[np.float64]:
    """The right eye open by 0.25 of its width, the left one shut, the mouth open by half its width."""
    points = MEAN_FACE.copy()
    for first, opening in ((36, 0.25), (42, 0.0)):
        left, right = points[first, 0], points[first + 3, 0]
        width = right - left
        for position, (along, side) in enumerate(
            [(0, 0), (1 / 3, -1), (2 / 3, -1), (1, 0), (2 / 3, 1), (1 / 3, 1)]
        ):
            points[first + position] = (left + along * width, side * opening * width / 2, 0)
    points[48], points[54] = (-0.3, 0.7, 0), (0.3, 0.7, 0)
    for upper, lower, x in ((60, 65, -0.1), (61, 64, 0.0), (62, 63, 0.1)):
        points[upper], points[lower] = (x, 0.55, 0), (x, 0.85, 0)
    return points


def test_known_measures() -> None:
    found = measure_face(_face())
    assert found.right_eye_openness == pytest.approx(0.25)
    assert found.left_eye_openness == pytest.approx(0, abs=1e-12)
    assert found.mouth_openness == pytest.approx(0.5)
    pupils = (MEAN_FACE[45, 0] + MEAN_FACE[42, 0] - MEAN_FACE[36, 0] - MEAN_FACE[39, 0]) / 2
    assert found.interpupillary_distance == pytest.approx(pupils)
    assert found.mouth_width == pytest.approx(0.6 / pupils)


def test_pose_and_scale_change_only_the_distance_in_pixels() -> None:
    still = measure_face(_face())
    turned = measure_face(120 * _face() @ rotation_by(70, 15, -20).T + [5, 6, 7])
    assert turned.right_eye_openness == pytest.approx(still.right_eye_openness)
    assert turned.mouth_openness == pytest.approx(still.mouth_openness)
    assert turned.mouth_width == pytest.approx(still.mouth_width)
    assert turned.interpupillary_distance == pytest.approx(120 * still.interpupillary_distance)


def test_the_mean_face_has_a_shut_mouth_and_open_eyes() -> None:
    found = measure_face(MEAN_FACE)
    assert found.mouth_openness < 0.05
    assert 0.2 < found.right_eye_openness < 0.45
    assert found.left_eye_openness == pytest.approx(found.right_eye_openness)


def test_no_width() -> None:
    assert math.isnan(measure_face(np.zeros((66, 3))).mouth_openness)


def test_wrong_shape() -> None:
    with pytest.raises(LandmarksError, match=r"\(66, 3\)"):
        measure_face(np.zeros((66, 2)))
