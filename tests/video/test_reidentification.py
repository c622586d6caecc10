"""Similarity of one face under other light and behind something, and of two faces."""

import cv2
import numpy as np
import pytest

from face_alignment_3d.video.reidentification import embed, normalize, similarity

POINTS = np.stack(np.meshgrid(np.linspace(30, 110, 11), np.linspace(25, 115, 6)), -1).reshape(66, 2)


def _face(seed):
    coarse = np.random.default_rng(seed).uniform(20, 235, (6, 6, 3)).astype(np.float32)
    return np.rint(cv2.resize(coarse, (140, 140), interpolation=cv2.INTER_LINEAR)).astype(np.uint8)


def _looks(image, points=POINTS, roll=0.0):
    return embed(image, points, roll=roll)


def test_it_is_a_unit_vector_and_like_itself():
    looks = _looks(_face(1))
    assert looks.shape == (768,)
    assert np.linalg.norm(looks) == pytest.approx(1)
    assert looks.mean() == pytest.approx(0, abs=1e-12)
    assert similarity(looks, looks) == pytest.approx(1)


def test_light_and_contrast_make_no_difference():
    dark = (0.4 * _face(1) + 20).astype(np.uint8)
    assert similarity(_looks(_face(1)), _looks(dark)) > 0.99


@pytest.mark.parametrize("seed", range(2, 8))
def test_a_face_half_covered_is_more_like_itself_than_another_is(seed):
    face, other = _face(1), _face(seed)
    covered = face.copy()
    covered[:, 75:] = other[:, 75:]
    itself = similarity(_looks(face), _looks(covered))
    assert itself > 0.6
    assert itself > similarity(_looks(face), _looks(other)) + 0.2


def test_a_head_that_leans_is_leveled():
    angle = np.radians(25)
    turn = cv2.getRotationMatrix2D((70, 70), -25, 1)  # OpenCV counts counter-clockwise.
    leaning = cv2.warpAffine(
        _face(1), turn, (140, 140), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    turned = POINTS @ turn[:, :2].T + turn[:, 2]
    assert similarity(_looks(_face(1)), _looks(leaning, turned, angle)) > similarity(
        _looks(_face(1)), _looks(leaning, turned)
    )


def test_a_flat_picture_is_like_nothing():
    flat = _looks(np.full((140, 140, 3), 90, np.uint8))
    assert similarity(flat, _looks(_face(1))) == pytest.approx(0, abs=1e-6)


def test_normalizing_takes_out_brightness_and_contrast():
    looks = _looks(_face(3))
    np.testing.assert_allclose(normalize(7 * looks + 2), looks, atol=1e-12)
