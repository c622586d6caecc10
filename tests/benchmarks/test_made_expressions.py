"""Photos with animated expressions: what surrounds a landmark moves with it, and nothing else does."""

import cv2
import numpy as np
from made_expressions import displaced, talking

from face_alignment_3d.markup import GROUPS
from face_alignment_3d.pose.mean_face import MEAN_FACE

SIZE = 300.0


def _points() -> np.ndarray:
    """(66, 2): the mean face, 300 pixels large, in a photo of 480."""
    face = MEAN_FACE[:, :2] - (MEAN_FACE.min(axis=0) + MEAN_FACE.max(axis=0))[:2] / 2
    return 240 + SIZE / float(np.ptp(face, axis=0).max()) * face


def _dotted(at: np.ndarray) -> np.ndarray:
    ys, xs = np.mgrid[:480, :480]
    dot = 250 * np.exp(-((xs - at[0]) ** 2 + (ys - at[1]) ** 2) / (2 * 2.5**2))
    return np.rint(np.repeat(dot[..., None], 3, axis=2)).astype(np.uint8)


def test_what_is_at_a_landmark_goes_where_it_is_told() -> None:
    points = _points()
    displacement = talking(0.16, points)
    assert displacement.any()
    for index in (8, 27, 36, *GROUPS["outer_lips"]):
        picture = displaced(_dotted(points[index]), points, displacement)[..., 0].astype(np.float32)
        picture[picture < 100] = 0
        moments = cv2.moments(picture)
        center = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
        assert np.abs(center - points[index] - displacement[index]).max() < 0.015 * SIZE / 3


def test_nothing_else_moves() -> None:
    points = _points()
    photo = np.random.default_rng(0).integers(0, 256, (480, 480, 3), dtype=np.uint8)
    assert displaced(photo, points, np.zeros((66, 2))) is photo
    talks = displaced(photo, points, talking(0.16, points))
    assert talks.shape == photo.shape
    np.testing.assert_array_equal(talks[:, :8], photo[:, :8])
    assert (talks[200:400, 200:280] != photo[200:400, 200:280]).any()


def test_speech_opens_the_mouth_and_blinks_close_the_eyes() -> None:
    points = _points()
    lips, lids = [*GROUPS["outer_lips"], *GROUPS["inner_lips"]], [37, 38, 43, 44]
    speaks, blinks, rests = talking(0.4, points), talking(2.8, points), talking(3.0, points)
    assert speaks[lips, 1].max() > 0.02 * SIZE
    assert not speaks[lids].any()
    assert not blinks[lips].any()
    left = points[[41, 40, 47, 46]] - (points + blinks)[lids]
    assert (np.linalg.norm(left, axis=1) < 0.2 * np.linalg.norm(points[[41, 40]] - points[[37, 38]])).all()
    assert not rests.any()
