"""The values that are accepted as face boxes, and the errors for others."""

import numpy as np
import pytest
import torch

from face_alignment_3d.boxes import as_boxes, detected_boxes, given_boxes
from face_alignment_3d.detection.protocol import Detection
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
        ([[0.25, 0.2, 0.75, 0.8]], r"less than 2 pixels. If these are fractions of the image, in \[0, 1\]"),
        ([[0, 0, 50, 50], [0, 0, 1, 1]], "box 1 is .*fractions"),
        ([[-0.1, 0.2, 1.2, 0.9]], "fractions"),
    ],
)
def test_other_things_are_refused_with_a_reason(boxes: object, message: str) -> None:
    with pytest.raises(BoxError, match=message):
        as_boxes(boxes)  # type: ignore[arg-type]


class _Detector:
    def __init__(self, found: object) -> None:
        self.found = found

    def detect(self, image_rgb: np.ndarray) -> object:
        return self.found


def _detected(found: object) -> list:  # type: ignore[type-arg]
    (faces,) = detected_boxes(_Detector(found), [np.zeros((9, 9, 3), np.uint8)])  # type: ignore[arg-type]
    if isinstance(faces, Exception):
        raise faces
    return faces


def test_given_boxes_keep_their_order() -> None:
    faces = given_boxes(GOOD)
    assert [face.box.tolist() for face in faces] == GOOD
    assert {(face.score, face.roll) for face in faces} == {(None, 0.0)}


def test_detected_boxes_come_by_area() -> None:
    small, large = Detection(np.float32([0, 0, 5, 5]), 0.9, 0.1), Detection(np.float32([0, 0, 9, 9]), 0.8)
    assert [(face.score, face.roll) for face in _detected([small, large])] == [(0.8, 0.0), (0.9, 0.1)]
    assert _detected(()) == []


@pytest.mark.parametrize(
    ("found", "got"),
    [
        (np.array([[0, 0, 9, 9, 0.9]]), "ndarray"),
        (np.zeros((0, 5)), "ndarray"),
        ([np.array([0, 0, 9, 9, 0.9])], "a list of ndarray"),
        ([(0, 0, 9, 9)], "a list of tuple"),
        ((item for item in []), "generator"),
        (None, "NoneType"),
        ({"box": [0, 0, 9, 9]}, "dict"),
    ],
)
def test_what_is_no_detection_is_named(found: object, got: str) -> None:
    with pytest.raises(BoxError, match=f"a list of face_alignment_3d.Detection.*; got {got}"):
        _detected(found)


def test_wrong_boxes_of_a_detector_say_where_they_are_from() -> None:
    with pytest.raises(BoxError, match="from the detector: boxes must have"):
        _detected([Detection(np.float32([0.1, 0.1, 0.5, 0.5]), 0.9)])
