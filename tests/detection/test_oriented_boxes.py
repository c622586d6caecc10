"""Boxes turned about their centers."""

import math

import numpy as np
import pytest

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes, joined

ANGLES = [0.0, 0.4, math.pi / 2, math.pi, -2.0]


def one(roll: float) -> OrientedBoxes:
    return OrientedBoxes(np.array([[120.0, 80]]), np.array([[80.0, 110]]), np.array([roll]))


@pytest.mark.parametrize("roll", ANGLES)
def test_the_box_around_keeps_the_ellipse(roll: float) -> None:
    around = np.linspace(0, 2 * math.pi, 7200)
    ellipse = np.stack([40 * np.cos(around), 55 * np.sin(around)], axis=1)
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    in_image = ellipse @ turn + [120, 80]
    expected = np.concatenate([in_image.min(axis=0), in_image.max(axis=0)])
    np.testing.assert_allclose(one(roll).around()[0], expected, atol=1e-3)


def test_upright_boxes_come_back() -> None:
    boxes = np.array([[1.0, 2, 11, 32], [-5, 0, 5, 7]])
    np.testing.assert_allclose(OrientedBoxes.upright(boxes).around(), boxes)


@pytest.mark.parametrize(
    ("roll", "center"),
    [(0.0, (128, 80)), (math.pi / 2, (120, 88)), (math.pi, (112, 80)), (-math.pi / 2, (120, 72))],
)
def test_offsets_are_in_the_boxs_own_frame(roll: float, center: tuple[float, float]) -> None:
    # Both vertical edges a tenth of the width to the right; the head's right is elsewhere when it leans.
    moved = one(roll).moved(np.array([[0.1, 0, 0.1, 0]]))
    np.testing.assert_allclose(moved.centers[0], center, atol=1e-9)
    np.testing.assert_allclose(moved.sides, [[80, 110]])


def test_offsets_of_one_edge_stretch() -> None:
    moved = one(0.0).moved(np.array([[0, 0, 0, 0.2]]))
    np.testing.assert_allclose(moved.around()[0], [80, 25, 160, 157])


def test_squares_turns_and_joins() -> None:
    both = joined([one(0.3).squared(), one(0.1).turned(2.0)])
    np.testing.assert_allclose(both.sides, [[110, 110], [80, 110]])
    np.testing.assert_allclose(both.rolls, [0.3, 2.0])
    assert len(both[np.array([True, False])]) == 1
    none = one(0.0)[np.zeros(0, np.int64)]
    assert none.squared().sides.shape == (0, 2)
    assert none.around().shape == (0, 4)
