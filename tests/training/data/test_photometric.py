import dataclasses

import numpy as np
import pytest

from face_alignment_3d.training.data import photometric_opencv
from face_alignment_3d.training.data.photometric import Photometric, draw_perturbations
from tests.training.synthetic_faces import mean_face, picture

KINDS = [field.name for field in dataclasses.fields(Photometric)]
NONE = Photometric(**dict.fromkeys(KINDS, 0.0))
ALL = Photometric(**dict.fromkeys(KINDS, 1.0))


def perturb(crop, generator, chances):
    return photometric_opencv.perturb(crop, draw_perturbations(len(crop), generator, chances))


@pytest.fixture(scope="module", params=[64, 128])
def crop(request):
    side = request.param
    return picture(mean_face() * side / 4 + side / 2, side=side)


@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_shape_type_and_input_are_kept(crop, kind):
    chances = ALL if kind == "all" else dataclasses.replace(NONE, **{kind: 1.0})
    before = crop.copy()
    changed = 0
    for seed in range(30):
        perturbed = perturb(crop, np.random.default_rng(seed), chances)
        assert perturbed.shape == crop.shape
        assert perturbed.dtype == np.uint8
        np.testing.assert_array_equal(crop, before)
        changed += not np.array_equal(perturbed, crop)
    assert changed >= 28


@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_the_same_generator_gives_the_same_pixels(crop, kind):
    chances = ALL if kind == "all" else dataclasses.replace(NONE, **{kind: 1.0})
    first, again = (perturb(crop, np.random.default_rng(7), chances) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_no_chance_is_the_identity(crop):
    for seed in range(10):
        np.testing.assert_array_equal(perturb(crop, np.random.default_rng(seed), NONE), crop)


def test_gray_has_equal_channels(crop):
    gray = perturb(crop, np.random.default_rng(0), dataclasses.replace(NONE, gray=1.0))
    assert np.ptp(gray.astype(int), axis=-1).max() == 0


def test_chances_are_chances():
    crop = np.full((16, 16, 3), [200, 100, 50], dtype=np.uint8)
    chances = dataclasses.replace(NONE, gray=0.3)
    generator = np.random.default_rng(0)
    gray = [not np.array_equal(perturb(crop, generator, chances), crop) for _ in range(1000)]
    assert 0.25 < np.mean(gray) < 0.35


@pytest.mark.parametrize("kind", ["blur", "low_resolution", "noise", "jpeg"])
def test_pixels_stay_where_they_are(kind):
    """A perturbation that moved the picture would move it away from its labels."""
    ys, xs = np.mgrid[:65, :65]
    spot = np.exp(-0.5 * ((xs - 32) ** 2 + (ys - 32) ** 2) / 6.0**2)
    crop = np.repeat(np.rint(20 + 200 * spot)[..., None], 3, axis=-1).astype(np.uint8)
    chances = dataclasses.replace(NONE, **{kind: 1.0})
    centers = []
    for seed in range(40):
        light = perturb(crop, np.random.default_rng(seed), chances).astype(float).mean(axis=-1)
        light = np.clip(light - 60, 0, None)
        centers.append([(light * xs).sum() / light.sum(), (light * ys).sum() / light.sum()])
    assert np.abs(np.mean(centers, axis=0) - 32).max() < 0.12
    assert np.abs(np.array(centers) - 32).max() < 0.6
