"""Pixels and boxes of a placed photo move together."""

import cv2
import numpy as np
import pytest

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.training.detection.placing import Placing


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, np.pi])
@pytest.mark.parametrize("scale", [0.23, 0.5, 1.0, 1.5])
def test_a_spot_lies_where_its_box_is_placed(scale: float, angle: float, mirrored: bool) -> None:
    image = np.zeros((200, 260, 3), np.uint8)
    image[88:112, 140:164] = 255  # Its center is (152, 100) in edge coordinates.
    placing = Placing(scale, angle, mirrored, (140.0, 90.0), (70.0, 60.0))
    picture = placing.pixels(image, 128, border=cv2.BORDER_CONSTANT)[..., 0].astype(np.float64)
    y, x = np.mgrid[0:128, 0:128] + 0.5
    found = np.array([(picture * x).sum(), (picture * y).sum()]) / picture.sum()
    box = placing.boxes(OrientedBoxes(np.array([[152.0, 100.0]]), np.array([[24.0, 24.0]]), np.zeros(1)))
    np.testing.assert_allclose(found, box.centers[0], atol=0.15)
    assert picture.sum() / 255 == pytest.approx(float(box.sides[0].prod()), rel=0.1)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_lean_turns_with_the_photo(mirrored: bool) -> None:
    """The crown of a head, given by its box, lands where the point itself does."""
    placing = Placing(0.7, 0.9, mirrored, (30.0, 40.0), (60.0, 50.0))
    box = OrientedBoxes(np.array([[50.0, 60.0]]), np.array([[20.0, 30.0]]), np.array([0.3]))

    def crown(of: OrientedBoxes) -> np.ndarray:
        roll, height = of.rolls[0], of.sides[0, 1]
        return of.centers[0] + height / 2 * np.array([np.sin(roll), -np.cos(roll)])

    matrix = placing.matrix()
    np.testing.assert_allclose(
        crown(placing.boxes(box)), matrix[:, :2] @ crown(box) + matrix[:, 2], atol=1e-9
    )
