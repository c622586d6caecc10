"""Decoding is the inverse of what a perfect network says; cells lie where the network's outputs do."""

import numpy as np
import pytest
import torch

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.scout.layout import STRIDES, cells, cells_at
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.search import decoded
from tests.detection.scout.said_faces import said


def _boxes() -> OrientedBoxes:
    return OrientedBoxes(
        np.array([[40.3, 50.7], [150.0, 60.25], [100.9, 180.1], [220.0, 200.0]]),
        np.array([[12.0, 14.0], [60.0, 70.5], [110.0, 96.0], [30.0, 25.0]]),
        np.array([0.0, 2.5, -3.0, np.pi / 2]),
    )


def test_what_a_perfect_network_says_is_decoded_to_the_same_boxes() -> None:
    boxes = _boxes()
    found, scores = decoded(said(boxes, 256, 256, logits=[4.0, 3.0, 2.0, 1.0]), 256, 256, threshold=0.3)
    np.testing.assert_allclose(found.centers, boxes.centers, atol=0.01)
    np.testing.assert_allclose(found.sides, boxes.sides, rtol=1e-5)
    np.testing.assert_allclose(found.rolls, boxes.rolls, atol=1e-5)
    assert (np.diff(scores) < 0).all()
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-2)


def test_the_threshold_is_a_probability() -> None:
    output = said(_boxes(), 256, 256, logits=[0.0, -0.5, 2.0, -3.0], each=1)
    counts = [len(decoded(output, 256, 256, threshold=t)[1]) for t in (0.01, 0.3, 0.45, 0.6, 0.95)]
    assert counts == [4, 3, 2, 1, 0]


def test_sides_beyond_all_reason_stay_finite() -> None:
    output = said(_boxes(), 256, 256)
    output[:, 3:5] = 1e30
    found, _ = decoded(output, 256, 256, threshold=0.3)
    assert np.isfinite(found.around()).all()


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (256, 192), (33, 70), (1, 5)])
def test_there_is_a_cell_for_each_output(height: int, width: int) -> None:
    with torch.no_grad():
        output = ScoutNetwork().eval()(torch.zeros(2, height, width, 3, dtype=torch.uint8))
    grid = cells(height, width)
    assert output.shape == (2, len(grid), 7)
    assert set(grid[:, 2]) == set(STRIDES)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (256, 192), (33, 70), (1, 5)])
def test_some_cells_are_those_of_all_with_these_indices(height: int, width: int) -> None:
    grid = cells(height, width)
    some = np.random.default_rng(1).permutation(len(grid))[:9]
    np.testing.assert_array_equal(cells_at(some, height, width), grid[some])
    assert cells_at(np.zeros(0, np.int64), height, width).shape == (0, 3)


def test_cells_come_in_the_order_of_the_outputs() -> None:
    """A change of the picture at a place changes the outputs of the cells there."""
    torch.manual_seed(0)
    network = ScoutNetwork().eval()
    plain = torch.full((1, 256, 320, 3), 90, dtype=torch.uint8)
    marked = plain.clone()
    marked[0, 196:204, 76:84] = 255
    with torch.no_grad():
        change = (network(marked) - network(plain))[0].norm(dim=1).numpy()
    grid = cells(256, 320)
    for stride in STRIDES:
        level = np.flatnonzero(grid[:, 2] == stride)
        weight = change[level] ** 4 / (change[level] ** 4).sum()
        assert np.abs(weight @ grid[level, :2] - [80, 200]).max() < 2 * stride
