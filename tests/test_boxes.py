"""What is taken as face boxes, and what is said of the rest."""

import numpy as np
import pytest
import torch

from face_alignment_3d.boxes import as_boxes
from face_alignment_3d.errors import BoxError

GOOD = [[1.5, 2, 30, 40], [-10, -5, 5, 5]]


@pytest.mark.parametrize(
    "boxes",
    [
        GOOD,
        [tuple(row) for row in GOOD],
        [np.array(row) for row in GOOD],
        np.array(GOOD),
        np.array(GOOD, dtype=np.float32),
        np.array(GOOD, dtype=np.float16),
        torch.tensor(GOOD),
        torch.tensor(GOOD, dtype=torch.float64, requires_grad=True),
        torch.tensor(GOOD, dtype=torch.bfloat16),
    ],
)
def test_lists_arrays_and_tensors_mean_the_same(boxes: object) -> None:
    result = as_boxes(boxes)  # type: ignore[arg-type]
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.float32(GOOD))


def test_integers_are_taken() -> None:
    np.testing.assert_array_equal(as_boxes(np.array([[0, 1, 10, 12]])), np.float32([[0, 1, 10, 12]]))


@pytest.mark.parametrize("boxes", [[], np.zeros((0, 4)), np.zeros((0, 4), dtype=int), torch.zeros(0, 4)])
def test_no_box_is_fine(boxes: object) -> None:
    result = as_boxes(boxes)  # type: ignore[arg-type]
    assert result.shape == (0, 4)
    assert result.dtype == np.float32


def test_the_result_is_the_librarys_own() -> None:
    mine = np.array(GOOD, dtype=np.float32)
    as_boxes(mine)[:] = 0
    np.testing.assert_array_equal(mine, np.float32(GOOD))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (np.zeros(5), r"boxes must have shape \(N, 4\), xyxy in image pixels; got \(5,\)"),
        ([1, 2, 30, 40], r"got \(4,\); put a single box into a list"),
        (np.zeros((2, 5)), r"got \(2, 5\); leave out the columns after x1, y1"),
        (np.zeros((1, 2, 2)), r"got \(1, 2, 2\)"),
        (np.zeros((0, 5)), r"got \(0, 5\)"),
        (3, r"got \(\)"),
        ([[1, 2, 3], [1, 2, 3, 4]], "different lengths"),
        ([["a", "b", "c", "d"]], "as numbers; got dtype <U1"),
        (np.array([[None] * 4]), "as numbers; got dtype object"),
        (np.ones((1, 4), dtype=bool), "as numbers; got dtype bool"),
        ([[0, 0, 5, 5], [0, 0, np.nan, 5]], "all finite; box 1"),
        ([[0, 0, np.inf, 5]], "all finite; box 0"),
        ([[0.0, 0.0, 1e300, 5.0]], "all finite; box 0"),
        ([[100, 100, 50, 60]], r"x1 > x0 and y1 > y0; box 0 is .*x, y, width, height"),
        ([[0, 0, 5, 0]], "box 0"),
    ],
)
def test_other_things_are_refused_with_a_reason(boxes: object, message: str) -> None:
    with pytest.raises(BoxError, match=message):
        as_boxes(boxes)  # type: ignore[arg-type]
