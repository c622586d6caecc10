"""From a detector's boxes to reference boxes."""

import numpy as np
import pytest

from face_alignment_3d.detection.calibration import BoxCalibration

CALIBRATION = BoxCalibration(shift_x=0.05, shift_y=-0.2, scale_x=1.25, scale_y=0.5)


def boxes(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    low = rng.uniform(-50, 300, (count, 2))
    return np.concatenate([low, low + rng.uniform(10, 200, (count, 2))], axis=1)


def test_shifts_and_scales_are_fractions_of_the_box() -> None:
    # Width 100, height 200, center (50, 100) -> center (55, 60), sides (125, 100).
    result = CALIBRATION.apply(np.array([[0.0, 0, 100, 200]]))
    np.testing.assert_allclose(result, [[-7.5, 10, 117.5, 110]])


def test_the_default_changes_nothing() -> None:
    np.testing.assert_allclose(BoxCalibration().apply(boxes(5)), boxes(5))


def test_no_boxes() -> None:
    assert CALIBRATION.apply(np.zeros((0, 4))).shape == (0, 4)


def test_the_inverse_undoes_it() -> None:
    np.testing.assert_allclose(CALIBRATION.inverse().apply(CALIBRATION.apply(boxes(9))), boxes(9), atol=1e-9)


def test_it_moves_with_the_image() -> None:
    moved = boxes(4) * 3 + np.array([7, -2, 7, -2])
    expected = CALIBRATION.apply(boxes(4)) * 3 + np.array([7, -2, 7, -2])
    np.testing.assert_allclose(CALIBRATION.apply(moved), expected)


def test_estimate_finds_it_again_in_spite_of_wrong_pairs() -> None:
    reference = CALIBRATION.apply(boxes(50))
    reference[:15] = boxes(65)[50:]
    found = BoxCalibration.estimate(boxes(50), reference)
    for name in ("shift_x", "shift_y", "scale_x", "scale_y"):
        assert getattr(found, name) == pytest.approx(getattr(CALIBRATION, name), abs=1e-9)
