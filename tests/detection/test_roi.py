"""The numpy crops and suppression against torchvision's."""

import numpy as np
import pytest
import torch
import torchvision

from face_alignment_3d.detection import roi
from face_alignment_3d.detection.overlap import non_maximum_suppression
from face_alignment_3d.detection.roi import resized_squares


def _squares(count: int, extent: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    corner = rng.uniform(-0.4 * extent, 0.9 * extent, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(1, extent, (count, 1))], axis=1)


@pytest.mark.parametrize("shape", [(60, 80), (7, 200), (1, 1), (30, 3)])
@pytest.mark.parametrize("size", [24, 48])
def test_squares_are_those_of_roi_align(shape: tuple[int, int], size: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    squares = np.concatenate(
        [_squares(40, 90.0), [[0, 0, 24, 24], [-300, -300, 400, 400], [500, 500, 520, 520]]]
    )
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    expected = torchvision.ops.roi_align(
        pixels, [torch.from_numpy(squares)], size, sampling_ratio=-1, aligned=True
    )
    result = resized_squares(image, squares, size=size)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected.permute(0, 2, 3, 1).numpy(), atol=1e-3, rtol=0)


def test_a_square_on_whole_pixels_is_the_image() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    (result,) = resized_squares(image, np.array([[10.0, 5, 34, 29]]), size=24)
    np.testing.assert_allclose(result, image[5:29, 10:34], atol=1e-4)


def test_memory_is_bounded_by_working_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(2).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    squares = _squares(30, 70.0)
    expected = resized_squares(image, squares, size=24)
    monkeypatch.setattr(roi, "_CHUNK", 1)
    np.testing.assert_array_equal(resized_squares(image, squares, size=24), expected)


def test_no_squares() -> None:
    assert resized_squares(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4)), size=24).shape == (0, 24, 24, 3)


@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.7])
def test_suppression_is_torchvisions(overlap: float) -> None:
    rng = np.random.default_rng(4)
    boxes = _squares(300, 40.0)
    scores = rng.permutation(np.linspace(0.01, 0.99, 300)).astype(np.float32)
    expected = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores).double(), overlap)
    kept = non_maximum_suppression(boxes, scores, overlap=overlap)
    np.testing.assert_array_equal(kept, expected.numpy())
    assert 1 < len(kept) < 300


def test_suppression_of_nothing() -> None:
    assert non_maximum_suppression(np.zeros((0, 4)), np.zeros(0), overlap=0.5).shape == (0,)
