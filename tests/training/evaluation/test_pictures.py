"""Curves and contact sheets show what they are given where it belongs."""

import numpy as np
import pytest

from face_alignment_3d.face import Face3D
from face_alignment_3d.training.evaluation.curves import draw_error_curves
from face_alignment_3d.training.labels.contact_sheet import Tile, contact_sheet

# The plot spans 0 to 10 percent over x 80 to 830, and 0 to 100 percent of the faces over y 490 to 30.
BLUE = np.array([0, 90, 180])


def _has(picture, color, *, error, share):
    x, y = round(80 + 75 * error), round(490 - 4.6 * share)
    patch = picture[y - 3 : y + 4, x - 3 : x + 4].astype(int)
    return bool((np.abs(patch - color).max(axis=-1) < 60).any())


def test_a_curve_rises_where_its_errors_are():
    picture = draw_error_curves({"one": np.array([2.0, 2.0, 6.0, np.inf])})
    assert picture.shape == (560, 860, 3)
    assert picture.dtype == np.uint8
    assert _has(picture, BLUE, error=1, share=0)
    assert _has(picture, BLUE, error=2, share=25)
    assert _has(picture, BLUE, error=4, share=50)
    assert _has(picture, BLUE, error=9, share=75)
    assert not _has(picture, BLUE, error=4, share=0)
    assert not _has(picture, BLUE, error=9, share=100)


def test_curves_have_colors_of_their_own():
    picture = draw_error_curves({"a": np.array([1.0]), "b": np.array([5.0])})
    assert _has(picture, BLUE, error=1, share=50)
    assert _has(picture, np.array([220, 110, 0]), error=5, share=50)


def test_without_a_threshold_there_is_no_line_at_it():
    picture = draw_error_curves({"a": np.array([1.0])}, threshold=None, limit=10.0)
    gray = np.array([150, 150, 158])
    assert not _has(picture, gray, error=8, share=30)
    assert _has(draw_error_curves({"a": np.array([1.0])}), gray, error=8, share=30)


@pytest.mark.parametrize("count", [0, 6])
def test_too_few_or_many_curves(count):
    with pytest.raises(ValueError, match=f"expected 1 to 5 curves; got {count}"):
        draw_error_curves({str(i): np.ones(2) for i in range(count)})


def _tile(*, face=True):
    labels = np.random.default_rng(0).uniform(50, 150, (66, 2))
    labels[0], labels[1] = (50, 50), (150, 150)
    landmarks = np.column_stack([labels[::-1], np.zeros(66)]).astype(np.float32)
    found = Face3D(landmarks, np.ones(66, np.float32), np.array([50, 50, 150, 150], np.float32), None)
    return Tile(np.full((200, 200, 3), 100, np.uint8), found if face else None, labels, "12.3 %")


def test_labels_lie_where_the_crop_puts_them():
    sheet = contact_sheet([_tile(face=False)], size=125)
    assert sheet.shape == (145, 125, 3)
    # The crop is 1.25 times the labels' box, so a pixel of it is one of the image's.
    corner = sheet[12:14, 12:14].reshape(-1, 3).astype(int)
    assert (np.abs(corner - [90, 255, 130]).max(axis=-1) < 60).any()
    np.testing.assert_array_equal(sheet[2, 2], 100)
    assert (sheet[125:] > 150).any(), "the caption"


def test_landmarks_are_drawn_too():
    with_face, without = (contact_sheet([_tile(face=face)], size=125)[:125] for face in (True, False))
    assert (with_face != without).any(axis=-1).mean() > 0.05


def test_tiles_fill_rows():
    assert contact_sheet([_tile()] * 5, columns=2, size=50).shape == (3 * 70, 100, 3)
    assert contact_sheet([_tile()] * 2, columns=8, size=50).shape == (70, 100, 3)
    with pytest.raises(ValueError, match="at least one tile"):
        contact_sheet([])
