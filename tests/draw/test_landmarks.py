"""The drawing is where the landmarks are, readable on any photo, and leaves its input alone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from face_alignment_3d.crop import box_around, rescale
from face_alignment_3d.draw import depth_colors, draw_landmarks
from face_alignment_3d.errors import ImageError
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import CLOSED_GROUPS, GROUPS, MIRROR
from face_alignment_3d.markup68 import to_68
from face_alignment_3d.video.tracked_face import TrackedFace3D


def _face(points: npt.NDArray[np.floating]) -> Face3D:
    landmarks = points.astype(np.float32)
    return Face3D(landmarks, np.ones(66, np.float32), box_around(landmarks), None)


def _points(scale: float = 1.0) -> npt.NDArray[np.float64]:
    """(66, 3): a schematic face in a 200 x 200 picture, times ``scale``."""

    def arc(
        cx: float, cy: float, rx: float, ry: float, start: float, stop: float, n: int
    ) -> npt.NDArray[np.float64]:
        angle = np.radians(np.linspace(start, stop, n))
        return np.column_stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)])

    parts = [
        arc(100, 90, 70, 85, 180, 0, 17),
        arc(65, 75, 24, 15, 200, 340, 5),
        arc(135, 75, 24, 15, 200, 340, 5),
        np.column_stack([np.full(4, 100.0), np.linspace(80, 112, 4)]),
        arc(100, 116, 17, 6, 160, 20, 5),
        arc(66, 85, 14, 8, 180, 480, 6),
        arc(134, 85, 14, 8, 180, 480, 6),
        arc(100, 140, 28, 14, 180, 510, 12),
        arc(100, 140, 16, 6, 200, 500, 6),
    ]
    xy = rescale(np.concatenate(parts), scale)
    z = np.hypot(xy[:, 0] - xy[30, 0], xy[:, 1] - xy[30, 1]) / 2
    return np.column_stack([xy, z - z.mean()])


def _moved(points: npt.NDArray[np.float64], x: float, y: float) -> npt.NDArray[np.float64]:
    return points + np.array([x, y, 0.0])


def _changed(picture: npt.NDArray[np.uint8], drawn: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return np.abs(drawn.astype(np.int64) - picture).max(axis=2)


def test_returns_a_new_picture() -> None:
    picture = np.full((200, 200, 3), 120, np.uint8)
    picture.flags.writeable = False
    drawn = draw_landmarks(picture, [_face(_points())])
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8
    assert not np.shares_memory(drawn, picture)
    assert (picture == 120).all()
    assert (drawn != picture).any()


def test_without_faces_it_is_a_writable_copy() -> None:
    picture = np.full((20, 30, 3), 7, np.uint8)
    drawn = draw_landmarks(picture, [])
    np.testing.assert_array_equal(drawn, picture)
    assert not np.shares_memory(drawn, picture)


def test_takes_images_as_the_aligner_does() -> None:
    bgr = np.zeros((200, 200, 3), np.uint8)
    bgr[:, :, 0] = 200
    assert draw_landmarks(bgr, [_face(_points())], color="bgr")[0, 0].tolist() == [0, 0, 200]
    with pytest.raises(ImageError):
        draw_landmarks(None, [])  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1.0, 4.0, 15.0])
@pytest.mark.parametrize("background", [0, 128, 255])
def test_points_have_their_depths_color_on_any_background(scale: float, background: int) -> None:
    points = _points(scale)
    side = round(200 * scale)
    drawn = draw_landmarks(np.full((side, side, 3), background, np.uint8), [_face(points)])
    jaw = points[:17]  # Its dots lie far enough apart not to cover one another.
    x, y = np.rint(jaw[:, :2]).astype(int).T
    found = drawn[y, x].astype(int)
    assert np.abs(found - depth_colors(points[:, 2])[:17]).max() <= 8


@pytest.mark.parametrize("shift", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("scale", [0.25, 1.0, 5.0])
def test_sub_pixel_positions(shift: float, scale: float) -> None:
    side = round(200 * scale)
    white = np.full((side, side, 3), 255, np.uint8)
    grid = np.arange(side)

    def centroid(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        weight = 255.0 - draw_landmarks(white, [_face(points)])[:, :, 2]
        return np.array([weight.sum(axis=0) @ grid, weight.sum(axis=1) @ grid]) / weight.sum()

    points = _points(scale)
    moved = _moved(points, shift, -shift)
    np.testing.assert_allclose(centroid(moved) - centroid(points), [shift, -shift], atol=0.08)


def test_no_offset_a_mirrored_face_is_the_mirrored_drawing() -> None:
    gray = np.full((200, 200, 3), 128, np.uint8)
    points = _points()
    mirrored = points[MIRROR] * [-1, 1, 1] + [199, 0, 0]
    grid = np.arange(200)

    def center(drawn: npt.NDArray[np.uint8]) -> float:
        columns = _changed(gray, drawn).sum(axis=0)
        return float(columns @ grid / columns.sum())

    straight = center(draw_landmarks(gray, [_face(points)]))
    flipped = center(draw_landmarks(gray, [_face(mirrored)]))
    assert straight + flipped == pytest.approx(199, abs=0.05)


def test_parts_are_joined_within_and_apart_between() -> None:
    points = _points(5)
    black = np.zeros((1000, 1000, 3), np.uint8)
    drawn = draw_landmarks(black, [_face(points)])

    def is_drawn(first: int, second: int) -> bool:
        x, y = np.rint((points[first, :2] + points[second, :2]) / 2).astype(int)
        return int(drawn[y, x].max()) > 100

    for name, group in GROUPS.items():
        if name == "inner_lips":  # Between 62 and 63, and 65 and 60, lie the corners.
            continue
        assert all(is_drawn(a, b) for a, b in pairwise(group)), name
        if name in CLOSED_GROUPS:
            assert is_drawn(group[-1], group[0]), name
    for name in ("right_brow", "left_brow"):
        group = GROUPS[name]
        assert not is_drawn(group[-1], group[0]), name
    assert not is_drawn(16, 17)
    assert not is_drawn(21, 22)


def test_inner_lips_are_closed_through_their_corners() -> None:
    points = _points(5)
    drawn = draw_landmarks(np.zeros((1000, 1000, 3), np.uint8), [_face(points)])
    full = to_68(points)[:, :2]
    for first, second in [(60, 61), (63, 64), (64, 65), (67, 60)]:
        x, y = np.rint((full[first] + full[second]) / 2).astype(int)
        assert drawn[y, x].max() > 100, (first, second)
    x, y = np.rint((full[63] + full[65]) / 2).astype(int)
    assert drawn[y, x].max() == 0


def test_doubtful_points_are_faint() -> None:
    gray = np.full((1000, 1000, 3), 128, np.uint8)
    points = _points(5)
    sure = _face(points)
    confidence = np.ones(66, np.float32)
    confidence[[4, 5, 6]] = 0.0
    drawn = draw_landmarks(gray, [replace(sure, confidence=confidence)])
    full = draw_landmarks(gray, [sure])
    x, y = np.rint(points[:17, :2]).astype(int).T
    share = _changed(gray, drawn)[y, x] / _changed(gray, full)[y, x]
    assert (share[4:7] < 0.5).all()
    np.testing.assert_allclose(np.delete(share, [4, 5, 6]), 1, atol=0.02)


def test_hidden_points_are_hollow() -> None:
    gray = np.full((1000, 1000, 3), 128, np.uint8)
    points = _points(5)
    visibility = np.where(np.arange(66) < 8, 0.2, 0.9).astype(np.float32)
    drawn = draw_landmarks(gray, [replace(_face(points), visibility=visibility)])
    x, y = np.rint(points[:17, :2]).astype(int).T
    centers = _changed(gray, drawn)[y, x]
    assert centers[:8].max() == 0
    assert centers[8:].min() > 60
    ring = max(_changed(gray, drawn)[yy - 12 : yy + 13, xx - 12 : xx + 13].max() for xx, yy in [(x[3], y[3])])
    assert ring > 60


def test_points_and_lines_can_be_left_out() -> None:
    black = np.zeros((1000, 1000, 3), np.uint8)
    points = _points(5)
    x, y = np.rint((points[3, :2] + points[4, :2]) / 2).astype(int)
    assert draw_landmarks(black, [_face(points)], lines=False)[y, x].max() == 0
    only_lines = draw_landmarks(black, [_face(points)], points=False)
    assert only_lines[y, x].max() > 100
    assert (draw_landmarks(black, [_face(points)], points=False, lines=False) == 0).all()


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_ids_are_written_above_the_face_and_grow_with_it(scale: float) -> None:
    side = round(400 * scale)
    black = np.zeros((side, side, 3), np.uint8)
    face = _face(_moved(_points(scale), 100 * scale, 100 * scale))
    text = _changed(draw_landmarks(black, [face]), draw_landmarks(black, [face], ids=True)) > 60
    rows, columns = np.nonzero(text)
    x0, y0, x1, _ = face.box
    assert rows.max() < y0
    assert x0 - 5 * scale < columns.min() < columns.max() < x1
    assert np.ptp(rows) == pytest.approx(13.5 * scale, rel=0.15)
    other = TrackedFace3D(face.landmarks, face.confidence, face.box, None, track_id=17)
    wider = _changed(draw_landmarks(black, [other]), draw_landmarks(black, [other], ids=True)) > 60
    assert np.ptp(np.nonzero(wider)[1]) > 1.7 * np.ptp(columns)


@pytest.mark.parametrize("side", [200, 1000])
def test_legend_shows_the_colors_away_from_the_face(side: int) -> None:
    gray = np.full((side, side, 3), 128, np.uint8)
    face = _face(_points(side / 400))
    plain, drawn = draw_landmarks(gray, [face]), draw_landmarks(gray, [face], legend=True)
    rows, columns = np.nonzero(_changed(plain, drawn))
    assert rows.min() > side / 2
    assert columns.min() > side / 2
    for color in depth_colors(np.array([0.0, 1.0])):
        assert (drawn[rows, columns] == color).all(axis=1).any()
    tiny = np.full((30, 30, 3), 128, np.uint8)
    np.testing.assert_array_equal(
        draw_landmarks(tiny, [_face(_points(0.1))], legend=True), draw_landmarks(tiny, [_face(_points(0.1))])
    )


def test_gray_pictures() -> None:
    drawn = draw_landmarks(np.full((200, 200), 90, np.uint8), [_face(_points())], legend=True, ids=True)
    assert drawn.shape == (200, 200, 3)
    assert np.ptp(drawn.astype(int), axis=2).max() > 100


def test_widths_follow_the_face() -> None:
    shares = []
    for scale in (1.0, 3.0, 10.0):
        gray = np.full((round(200 * scale),) * 2 + (3,), 128, np.uint8)
        shares.append((_changed(gray, draw_landmarks(gray, [_face(_points(scale))])) > 40).mean())
    assert max(shares) / min(shares) < 1.25


def test_lines_stand_out_from_any_background() -> None:
    for background in (0, 60, 128, 200, 255):
        gray = np.full((200, 200, 3), background, np.uint8)
        drawn = draw_landmarks(gray, [_face(_points())]).astype(int)
        for x, y in np.rint(_points()[:17, :2]).astype(int):
            around = drawn[y - 5 : y + 6, x - 5 : x + 6].sum(axis=2)
            assert np.ptp(around) > 250  # The line or its outline against the background.


def test_tiny_faces_stay_visible() -> None:
    white = np.full((60, 60, 3), 255, np.uint8)
    drawn = draw_landmarks(white, [_face(_points(0.3))])
    x, y = np.rint(_points(0.3)[:17, :2]).astype(int).T
    assert np.median(_changed(white, drawn)[y, x]) > 80


def test_depth_colors_get_lighter_towards_the_viewer() -> None:
    colors = depth_colors(np.linspace(5, -5, 50)) / 255
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()
    assert luminance[0] > 0.15


def test_flat_faces_have_one_color() -> None:
    assert len(np.unique(depth_colors(np.zeros(66)), axis=0)) == 1


@pytest.mark.parametrize("offset", [(-120, 0), (100, 60), (0, -150)])
def test_faces_cut_by_the_border(offset: tuple[int, int]) -> None:
    points = _moved(_points(), *offset)
    large = draw_landmarks(np.full((600, 600, 3), 128, np.uint8), [_face(_moved(points, 200, 200))])
    drawn = draw_landmarks(np.full((200, 200, 3), 128, np.uint8), [_face(points)])
    difference = np.abs(large[200:400, 200:400].astype(int) - drawn)
    assert difference.mean() < 0.5
    assert (drawn != 128).any()


def test_faces_outside_the_picture_leave_no_trace() -> None:
    picture = np.full((50, 50, 3), 9, np.uint8)
    for offset in (1000, -1000, 1e7):
        drawn = draw_landmarks(picture, [_face(_moved(_points(), offset, 0))])
        np.testing.assert_array_equal(drawn, picture)


def test_a_face_larger_than_its_picture() -> None:
    drawn = draw_landmarks(np.full((8, 8, 3), 9, np.uint8), [_face(_moved(_points(50), -4000, -4000))])
    assert drawn.shape == (8, 8, 3)


def test_collapsed_face() -> None:
    points = np.tile([10.0, 10.0, 0.0], (66, 1))
    drawn = draw_landmarks(np.zeros((20, 20, 3), np.uint8), [_face(points)])
    assert drawn[10, 10].max() > 0


def test_boxes_only_on_request() -> None:
    picture = np.zeros((220, 220, 3), np.uint8)
    face = _face(_moved(_points(), 10, 10))
    x0, y0, _, _ = np.rint(face.box).astype(int)
    assert draw_landmarks(picture, [face])[y0, x0].max() == 0
    assert draw_landmarks(picture, [face], boxes=True)[y0, x0].min() > 60


def test_every_face_is_drawn() -> None:
    picture = np.zeros((200, 400, 3), np.uint8)
    one = _face(_points())
    other = _face(_moved(_points(), 200, 0))
    drawn = draw_landmarks(picture, [one, other])
    np.testing.assert_array_equal(drawn[:, :200], draw_landmarks(picture[:, :200], [one]))
    assert _changed(picture, drawn)[:, 200:].sum() == pytest.approx(
        _changed(picture, drawn)[:, :200].sum(), rel=0.01
    )
