"""Windows hold what they were made for, lie in the photo, and are given up where they cost too much."""

import numpy as np
import pytest

from face_alignment_3d.detection.scout.windows import Window, windows_around
from tests.detection.scout.said_faces import upright_squares


@pytest.mark.parametrize("center", [(5, 5), (640, 480), (1275, 955), (2, 500), (-3, 20)])
def test_a_window_lies_in_the_photo_and_holds_the_face_with_room(center: tuple[float, float]) -> None:
    (window,) = windows_around(upright_squares((*center, 60)), (960, 1280), 0.5) or []
    assert (window.width, window.height) == (320, 320)
    assert 0 <= window.x <= 1280 - 320
    assert 0 <= window.y <= 960 - 320
    near = np.array([[*np.subtract(center, 60), *np.add(center, 60)]], np.float64)
    assert window.holds(near, (960, 1280)).all()


def test_no_face_needs_no_window() -> None:
    assert windows_around(upright_squares(), (960, 1280), 0.5) == []


def test_near_faces_share_a_window() -> None:
    windows = windows_around(upright_squares((600, 500, 40), (660, 520, 40)), (960, 1280), 0.5)
    assert windows is not None
    assert len(windows) == 1


def test_large_or_many_faces_ask_for_the_whole_photo() -> None:
    assert windows_around(upright_squares((600, 500, 250)), (960, 1280), 0.5) is None
    spread = [(x, y, 40) for x in (100, 600, 1200) for y in (100, 900)]
    assert windows_around(upright_squares(*spread), (960, 1280), 0.5) is not None
    assert windows_around(upright_squares(*spread, (900, 500, 40)), (960, 1280), 0.5) is None
    assert windows_around(upright_squares((60, 60, 20)), (120, 200), 1.0) is None


def test_what_the_window_cuts_is_told_from_what_the_photo_cuts() -> None:
    window = Window(0, 100, 200, 200)
    boxes = np.array([[-10, 150, 30, 190], [180, 150, 210, 190], [50, 90, 80, 120], [50, 150, 80, 180.0]])
    assert window.holds(boxes, (960, 1280)).tolist() == [True, False, False, True]
    assert window.holds(boxes, (300, 200)).tolist() == [True, True, False, True]
