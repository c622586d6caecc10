"""The first stage, with a network that finds bright 12 x 12 squares."""

import numpy as np
import pytest

from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.detection.proposals import FIELD, propose
from face_alignment_3d.detection.resizing import Octaves


class Bright:
    """The mean of each field, at stride 2, and no offsets; keeps the sizes of what it saw."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.sizes.append(pixels.shape[:2])
        sums = np.pad(pixels[..., 0].astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        mean = sums[FIELD:, FIELD:] - sums[:-FIELD, FIELD:] - sums[FIELD:, :-FIELD] + sums[:-FIELD, :-FIELD]
        scores = (mean / (255 * FIELD**2))[::2, ::2].astype(np.float32)
        return np.zeros((4, *scores.shape), np.float32), scores


def photo_with(box: tuple[int, int, int, int], height: int, width: int) -> np.ndarray:
    photo = np.zeros((height, width, 3), np.uint8)
    x0, y0, x1, y1 = box
    photo[max(0, y0) : y1, max(0, x0) : x1] = 255
    return photo


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((40, 30, 70, 60), (100, 150)),
        ((2, 1, 32, 31), (100, 150)),  # In a corner.
        ((300, 500, 420, 620), (700, 900)),
        ((5000, 40, 5060, 100), (120, 6000)),  # A strip, cut into pieces.
        ((880, 880, 910, 910), (1800, 1800)),
        ((0, 0, 200, 200), (200, 200)),  # All of the photo.
    ],
)
def test_bright_squares_are_found_where_they_are(
    box: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    found = propose(Bright(), Octaves(photo_with(box, *size)), smallest=24, threshold=0.85)
    overlaps = intersection_over_union(found, np.array([box], dtype=float))[:, 0]
    assert overlaps.max() > 0.5
    assert (overlaps > 0).all()  # And nothing elsewhere, such as in the neighbor on the canvas.


def test_squares_cut_by_the_border_are_found_beyond_it() -> None:
    photo = photo_with((-10, 40, 30, 80), 120, 160)
    found = propose(Bright(), Octaves(photo), smallest=30, threshold=0.6)
    assert (found[:, 0] < -2).any()


def test_photos_of_all_sizes_ask_for_few_amounts_of_memory() -> None:
    network = Bright()
    rng = np.random.default_rng(0)
    for height, width in rng.integers(30, 700, (40, 2)).tolist():
        propose(network, Octaves(np.zeros((height, width, 3), np.uint8)), smallest=24, threshold=0.5)
    propose(network, Octaves(np.zeros((300, 9000, 3), np.uint8)), smallest=24, threshold=0.5)
    assert all(height % 64 == width % 64 == 0 for height, width in network.sizes)
    assert max(width for _, width in network.sizes) <= 1024
    assert max(height for height, _ in network.sizes) <= 512


@pytest.mark.parametrize("shape", [(1, 1), (11, 400), (12, 12), (1, 5000)])
def test_tiny_images(shape: tuple[int, int]) -> None:
    assert propose(Bright(), Octaves(np.zeros((*shape, 3), np.uint8)), smallest=24, threshold=0.5).shape == (
        0,
        4,
    )
