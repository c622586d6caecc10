"""A photo is searched at two sizes, and boxes come back in its own pixels."""

import numpy as np
import numpy.typing as npt
import pytest

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.scout.search import Searches
from tests.detection.scout.said_faces import said

_SEARCHES = Searches(coarse_side=256, fine_side=640, threshold=0.3)


class _Knowing:
    """Says where the faces are, as a perfect network that sees faces from ``least`` pixels on."""

    def __init__(
        self, boxes: OrientedBoxes, photo: tuple[int, int], *, least: float, logit: float = 3.0
    ) -> None:
        self.boxes, self.photo, self.least, self.logit = boxes, photo, least, logit
        self.seen: list[tuple[int, ...]] = []

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.seen.append(pictures.shape)
        _, height, width, _ = pictures.shape
        # The photo is white; the padding black.
        used = np.array([(pictures[0, 0, :, 0] > 0).sum(), (pictures[0, :, 0, 0] > 0).sum()])
        scale = used / self.photo[::-1]
        sides = self.boxes.sides * np.sqrt(scale.prod())
        large = np.sqrt(sides.prod(axis=1)) >= self.least
        scaled = OrientedBoxes(self.boxes.centers * scale, sides, self.boxes.rolls)[large]
        return said(scaled, height, width, logits=[self.logit] * len(scaled))[None]


def _white(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), 255, np.uint8)


@pytest.mark.parametrize("photo", [(480, 640), (1000, 700), (200, 150), (777, 1111), (100, 3000)])
def test_boxes_come_back_in_the_pixels_of_the_photo(photo: tuple[int, int]) -> None:
    height, width = photo
    side = min(photo) / 3
    boxes = OrientedBoxes(
        np.array([[width * 0.4, height * 0.55]]), np.array([[side, 1.1 * side]]), np.array([2.0])
    )
    network = _Knowing(boxes, photo, least=8)
    found = _SEARCHES.run(network, [_white(height, width)])[0]
    assert len(network.seen) == 1
    np.testing.assert_allclose(found.boxes.centers, boxes.centers, atol=0.01)
    np.testing.assert_allclose(found.boxes.sides, boxes.sides, rtol=1e-4)
    np.testing.assert_allclose(found.boxes.rolls, boxes.rolls, atol=1e-5)


def test_no_face_or_a_small_one_asks_for_the_fine_search() -> None:
    photo = (960, 1280)
    small = OrientedBoxes(np.array([[300.0, 400.0]]), np.array([[50.0, 60.0]]), np.zeros(1))
    for least, logit in ((5, 3.0), (20, 3.0), (5, -1.5)):
        network = _Knowing(small, photo, least=least, logit=logit)
        found = _SEARCHES.run(network, [_white(*photo)])[0]
        assert [shape[1:3] for shape in network.seen] == [(192, 256), (480, 640)]
        assert len(found.scores) == (1 if logit > 0 else 0)


def test_faces_of_both_searches_come_once() -> None:
    photo = (960, 1280)
    boxes = OrientedBoxes(
        np.array([[300.0, 400.0], [900.0, 500.0]]), np.array([[60.0, 60.0], [300.0, 330.0]]), np.zeros(2)
    )
    found = _SEARCHES.run(_Knowing(boxes, photo, least=8), [_white(*photo)])[0]
    assert len(found.scores) == 2


def test_a_photo_is_not_enlarged_nor_searched_twice_at_one_size() -> None:
    network = _Knowing(OrientedBoxes.upright(np.zeros((0, 4))), (90, 120), least=5)
    assert len(_SEARCHES.run(network, [_white(90, 120)])[0].scores) == 0
    assert [shape[1:3] for shape in network.seen] == [(96, 128)]


def test_a_strip_is_searched_by_its_shorter_side() -> None:
    network = _Knowing(OrientedBoxes.upright(np.zeros((0, 4))), (20_000, 800), least=5)
    _SEARCHES.run(network, [_white(20_000, 800)])[0]
    assert [shape[1:3] for shape in network.seen] == [(3200, 128), (8000, 320)]
