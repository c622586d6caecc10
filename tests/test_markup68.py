"""The 68-point markup is the 66-point one and two derived corners, whatever comes with the points."""

import numpy as np
import pytest

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.markup import FROM_68, MIRROR, NAMES
from face_alignment_3d.markup68 import in_markup, lines_in, names_in, to_68, values_in_markup
from face_alignment_3d.pose.mean_face import MEAN_FACE

MIRROR68 = [
    *(*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
]


def test_the_66_stay_what_they_are() -> None:
    points = np.random.default_rng(0).normal(size=(3, 66, 3)).astype(np.float32)
    full = to_68(points)
    assert full.shape == (3, 68, 3)
    assert full.dtype == np.float32
    np.testing.assert_array_equal(full[:, FROM_68], points)


def test_corners_lie_between_the_outer_corner_and_the_inner_lips() -> None:
    full = to_68(MEAN_FACE)
    for corner, outer, above, below in ((60, 48, 61, 67), (64, 54, 63, 65)):
        middle = (full[above] + full[below]) / 2
        np.testing.assert_allclose(full[corner] - full[outer], 0.194 * (middle - full[outer]), atol=1e-12)
    assert full[48, 0] < full[60, 0] < full[61, 0] < full[63, 0] < full[64, 0] < full[54, 0]


def test_commutes_with_turning_and_mirroring() -> None:
    points = MEAN_FACE + np.random.default_rng(1).normal(0, 0.05, (66, 3))
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    np.testing.assert_allclose(to_68(5 * points @ turn + 3), 5 * to_68(points) @ turn + 3, atol=1e-12)
    mirrored = to_68(points[MIRROR] * [-1, 1, 1])
    np.testing.assert_allclose(mirrored, to_68(points)[MIRROR68] * [-1, 1, 1], atol=1e-12)


def test_names_and_lines() -> None:
    assert names_in("66") == NAMES
    names = names_in("68")
    assert len(set(names)) == 68
    assert [names[index] for index in FROM_68] == list(NAMES)
    assert names[60] == "inner_mouth_corner_right"
    assert lines_in("68")[-1] == (60, 61, 62, 63, 64, 65, 66, 67, 60)
    assert lines_in("66")[-1] == (60, 61, 62, 63, 64, 65, 60)
    for full, short in zip(lines_in("68")[:-1], lines_in("66")[:-1], strict=True):
        assert [int(FROM_68[index]) for index in short] == list(full)


def test_wrong_arguments() -> None:
    with pytest.raises(LandmarksError, match=r"\(68, 3\)"):
        to_68(np.zeros((68, 3)))
    with pytest.raises(ValueError, match="'66' and '68'; got '70'"):
        in_markup(np.zeros((66, 3)), "70")  # type: ignore[arg-type]


def test_numbers_of_points_go_along() -> None:
    values = np.random.default_rng(3).random((2, 66)).astype(np.float32)
    full = values_in_markup(values, "68")
    assert full.shape == (2, 68)
    assert full.dtype == np.float32
    np.testing.assert_array_equal(full[:, FROM_68], values)
    np.testing.assert_allclose(
        full[:, 60], 0.806 * full[:, 48] + 0.097 * (full[:, 61] + full[:, 67]), atol=1e-6
    )
    np.testing.assert_array_equal(values_in_markup(values, "66"), values)
    assert values_in_markup(np.zeros((0, 66)), "68").shape == (0, 68)
