import dataclasses

import numpy as np
import pytest
import torch

from face_alignment_3d.training.data import photometric_opencv
from face_alignment_3d.training.data.photometric import Photometric, covered, sample_perturbations
from face_alignment_3d.training.data.pixel_noise import normal_noise, uniform_noise
from tests.training.synthetic_faces import mean_face, picture

KINDS = [field.name for field in dataclasses.fields(Photometric)]
NONE = Photometric(**dict.fromkeys(KINDS, 0.0))
ALL = Photometric(**dict.fromkeys(KINDS, 1.0))


def perturb(crop, generator, chances):
    return photometric_opencv.perturb(crop, sample_perturbations(1, len(crop), generator, chances), 0)


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


def test_the_numbers_of_a_batch_are_those_that_were_asked_for():
    drawn = sample_perturbations(4000, 100, np.random.default_rng(0), ALL)
    assert {len(values) for values in vars(drawn).values()} == {4000}
    assert set(drawn.patches) == {1, 2}
    assert (np.isnan(drawn.patch_tilt).mean() - 0.5) < 0.05
    assert set(drawn.motion_length) == {0, 3, 5, 7, 9}
    assert ((drawn.motion_length > 0) ^ (drawn.blur_std > 0)).all()
    assert (drawn.low_resolution.min(), drawn.low_resolution.max()) == (25, 80)
    assert (drawn.jpeg.min(), drawn.jpeg.max()) == (12, 59)
    for name, values in vars(drawn.part(slice(10, 12))).items():
        np.testing.assert_array_equal(values, vars(drawn)[name][10:12])


def test_points_under_patches_are_those_that_change(crop):
    """Seen on the pixels: a point is covered where a patch of a color of its own lies."""
    size = len(crop)
    drawn = sample_perturbations(40, size, np.random.default_rng(1), dataclasses.replace(NONE, occlusion=1.0))
    drawn.patch_content[:], drawn.patch_color[:] = 0, 255
    points = np.random.default_rng(2).integers(2, size - 2, (40, 66, 2)).astype(float)
    hidden = covered(points, drawn)
    for index in range(40):
        shown = photometric_opencv.perturb(np.zeros_like(crop), drawn, index)[..., 0] > 0
        x, y = points[index].astype(int).T
        assert (shown[y, x] == hidden[index]).mean() > 0.95
    assert 0.05 < hidden.mean() < 0.6


def test_noise_is_a_function_of_its_seed_and_as_random_as_it_should_be():
    seeds = torch.tensor([0, 1, 2**32 - 1, 12345])
    values = normal_noise(seeds, 64)
    assert values.shape == (4, 3, 64, 64)
    assert torch.equal(values, normal_noise(seeds, 64))
    assert values.mean(dim=(1, 2, 3)).abs().max() < 0.03
    assert (values.std(dim=(1, 2, 3)) - 1).abs().max() < 0.03
    flat = values.flatten(1).numpy()
    assert np.abs(np.corrcoef(flat) - np.eye(4)).max() < 0.04
    assert abs(np.corrcoef(flat[0, 1:], flat[0, :-1])[0, 1]) < 0.04
    levels = uniform_noise(seeds, 64)
    assert (int(levels.min()), int(levels.max())) == (0, 255)
    counts = torch.bincount(levels[1].flatten(), minlength=256)
    assert counts.max() < 3 * counts.float().mean()
