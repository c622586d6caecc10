"""A photo is searched at two sizes, and boxes come back in its own pixels."""

from dataclasses import replace

import numpy as np
import pytest

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.scout.search import Searches
from tests.detection.scout.knowing_network import KnowingNetwork, telling_photo
from tests.detection.scout.said_faces import upright_squares

_SEARCHES = Searches(coarse_side=256, fine_side=640, threshold=0.3)


@pytest.mark.parametrize("photo", [(480, 640), (1000, 700), (200, 150), (777, 1111), (100, 3000)])
def test_boxes_come_back_in_the_pixels_of_the_photo(photo: tuple[int, int]) -> None:
    height, width = photo
    side = min(photo) / 3
    boxes = OrientedBoxes(
        np.array([[width * 0.4, height * 0.55]]), np.array([[side, 1.1 * side]]), np.array([2.0])
    )
    network = KnowingNetwork(boxes, photo, least=8)
    found = _SEARCHES.run(network, [telling_photo(height, width)])[0]
    assert len(network.seen) == 1
    np.testing.assert_allclose(found.boxes.centers, boxes.centers, atol=0.01)
    np.testing.assert_allclose(found.boxes.sides, boxes.sides, rtol=1e-4)
    np.testing.assert_allclose(found.boxes.rolls, boxes.rolls, atol=1e-5)


def test_no_sure_face_asks_for_the_fine_search_of_the_whole_photo() -> None:
    photo = (960, 1280)
    for least, logit, count in ((20, 3.0, 1), (5, 0.5, 1), (5, -1.5, 0)):
        network = KnowingNetwork(upright_squares((300, 400, 55)), photo, least=least, logit=logit)
        found = _SEARCHES.run(network, [telling_photo(*photo)])[0]
        assert [shape[1:3] for shape in network.seen] == [(192, 256), (480, 640)]
        assert len(found.scores) == count


def test_a_suspected_small_face_beside_a_sure_one_is_searched_in_a_window() -> None:
    photo = (960, 1280)
    boxes = upright_squares((300, 300, 160), (1180, 850, 60), (1190, 760, 50))
    network = KnowingNetwork(boxes, photo, least=8, logits=np.array([4.0, -0.3, -0.3]))
    found = _SEARCHES.run(network, [telling_photo(*photo)])[0]
    assert [shape[1:3] for shape in network.seen] == [(192, 256), (160, 160)]
    assert len(found.scores) == 3
    network.logits[1:] = -0.7  # Above the threshold, but not suspected.
    assert len(_SEARCHES.run(network, [telling_photo(*photo)])[0].scores) == 1
    assert len(network.seen) == 3
    network.logits[1:] = 2.0  # Seen better there.
    found = _SEARCHES.run(network, [telling_photo(*photo)])[0]
    np.testing.assert_allclose(np.sort(found.boxes.centers[:, 0]), [300, 1180, 1190], atol=0.01)


@pytest.mark.parametrize("photo", [(960, 1280), (250, 240)])
def test_what_is_weakly_suspected_beside_a_large_face_is_background(photo: tuple[int, int]) -> None:
    height, width = photo
    large, small = 0.2 * max(photo), 0.06 * max(photo)
    boxes = upright_squares((0.3 * width, 0.4 * height, large), (0.8 * width, 0.8 * height, small))
    for logit, count in ((-0.3, 1), (0.3, 2)):
        network = KnowingNetwork(boxes, photo, least=8, logits=np.array([4.0, logit]))
        assert len(_SEARCHES.run(network, [telling_photo(*photo)])[0].scores) == count
        assert len(network.seen) == (1 if count == 1 or max(photo) < 256 else 2)
    network = KnowingNetwork(boxes, photo, least=5, logits=np.array([4.0, -0.3]))
    asked = replace(_SEARCHES, min_face_size=0.05 * max(photo))
    assert len(asked.run(network, [telling_photo(*photo)])[0].scores) == 2


def test_windows_of_several_photos_go_to_the_network_together() -> None:
    photo = (960, 1280)
    boxes = upright_squares((300, 300, 260), (1180, 850, 60))
    network = KnowingNetwork(boxes, photo, least=8)
    one = _SEARCHES.run(network, [telling_photo(*photo)])[0]
    network.seen.clear()
    both = _SEARCHES.run(network, [telling_photo(*photo)] * 2)
    assert network.seen == [(2, 192, 256, 3), (2, 160, 160, 3)]
    for found in both:
        np.testing.assert_array_equal(found.boxes.centers, one.boxes.centers)


def test_many_suspected_faces_ask_for_the_whole_photo() -> None:
    photo = (960, 1280)
    boxes = upright_squares((300, 300, 260), *((x, 700.0, 60.0) for x in range(100, 1280, 160)))
    network = KnowingNetwork(boxes, photo, least=8)
    assert len(_SEARCHES.run(network, [telling_photo(*photo)])[0].scores) == len(boxes)
    assert [shape[1:3] for shape in network.seen] == [(192, 256), (480, 640)]


def test_a_photo_that_is_searched_once_keeps_what_scores_less_than_a_suspect() -> None:
    logits = np.array([-0.7])  # Between the threshold and that of suspicion.
    network = KnowingNetwork(upright_squares((100, 90, 60)), (200, 250), least=0, logits=logits)
    assert len(_SEARCHES.run(network, [telling_photo(200, 250)])[0].scores) == 1
    network = KnowingNetwork(
        upright_squares((600, 500, 300), (100, 90, 120)), (960, 1280), least=0, logits=np.array([3.0, -0.7])
    )
    assert len(_SEARCHES.run(network, [telling_photo(960, 1280)])[0].scores) == 1
    assert len(network.seen) == 1


def test_faces_of_both_searches_come_once() -> None:
    photo = (960, 1280)
    boxes = OrientedBoxes(
        np.array([[300.0, 400.0], [900.0, 500.0]]), np.array([[60.0, 60.0], [300.0, 330.0]]), np.zeros(2)
    )
    found = _SEARCHES.run(KnowingNetwork(boxes, photo, least=8), [telling_photo(*photo)])[0]
    assert len(found.scores) == 2


def test_a_photo_is_not_enlarged_nor_searched_twice_at_one_size() -> None:
    network = KnowingNetwork(OrientedBoxes.upright(np.zeros((0, 4))), (90, 120), least=5)
    assert len(_SEARCHES.run(network, [telling_photo(90, 120)])[0].scores) == 0
    assert [shape[1:3] for shape in network.seen] == [(96, 128)]


def test_a_least_face_decides_the_fine_scale() -> None:
    """Faces of 8 pixels are shown 10 pixels large, whatever the other sides and what was found before."""
    large = OrientedBoxes(np.array([[100.0, 80.0]]), np.array([[90.0, 90.0]]), np.zeros(1))
    network = KnowingNetwork(large, (320, 480), least=5)
    searches = Searches(coarse_side=256, fine_side=300, threshold=0.3, min_face_size=8)
    assert len(searches.run(network, [telling_photo(320, 480)])[0].scores) == 1
    assert [shape[1:3] for shape in network.seen] == [(192, 256), (416, 608)]


def test_a_strip_is_searched_by_its_shorter_side() -> None:
    network = KnowingNetwork(OrientedBoxes.upright(np.zeros((0, 4))), (20_000, 800), least=5)
    _SEARCHES.run(network, [telling_photo(20_000, 800)])[0]
    assert [shape[1:3] for shape in network.seen] == [(3200, 128), (8000, 320)]
