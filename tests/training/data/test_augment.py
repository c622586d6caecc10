import dataclasses

import numpy as np
import pytest

from face_alignment_3d.crop import box_around
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.training.data.augment import (
    Geometric,
    mirror_points,
    sample_variations,
    show,
    upright_crop,
    varied_views,
)
from face_alignment_3d.training.data.photometric import Photometric, covered
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.recipes.paper_config import UniformVariation

NO_PERTURBATION = Photometric(0, 0, 0, 0, 0, 0, 0, 0)


@dataclasses.dataclass
class Example:
    """One view of a batch."""

    crop: np.ndarray
    points: np.ndarray
    weight_xy: np.ndarray
    weight_z: np.ndarray


def draw_views(sample, generator, *, size, crop_scale, geometric, photometric, count=1, mirrored=None):
    variations = sample_variations(count, generator, size=size, geometric=geometric, photometric=photometric)
    if mirrored is not None:
        variations.mirrored[:] = mirrored
    return varied_views([sample] * count, variations, size=size, crop_scale=crop_scale)


def augment(*args, **kwargs):
    views = draw_views(*args, **kwargs)
    return Example(show(views, 0), *(values[0] for values in views.labels[:3]))


STILL = Geometric(shift=0, scale=0, roll=0, wide_roll_share=0, mirror=False)


def _color(index):
    """RGB of dot ``index``: no two alike, however dim the dot."""
    return np.array([1.0, 0.2 + 0.8 * (index % 9) / 8, 0.2 + 0.8 * (index // 9) / 8])


def _dots(spacing, seed=0):
    """A sample of 66 points far apart (in no face's shape) with a dot of its own color at each."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(9), np.arange(8)), axis=-1).reshape(-1, 2)[:66]
    xy = (grid + 1.5) * spacing + generator.uniform(-0.15, 0.15, (66, 2)) * spacing
    z = generator.normal(0, spacing, 66)
    points = np.column_stack([xy, z - z.mean()]).astype(np.float32)
    image = np.zeros((10 * spacing, 11 * spacing, 3))
    for index, (x, y) in enumerate(xy):
        ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
        squared = (xs - x) ** 2 + (ys - y) ** 2
        image += np.exp(-0.5 * squared / (spacing / 12) ** 2)[..., None] * 250 * _color(index)
    weights = np.arange(66, dtype=np.float32) / 66
    return Sample("dots", np.rint(image).astype(np.uint8), points, weights, 1 - weights)


@pytest.fixture(scope="module", params=[(30, 256), (60, 160)], ids=["as large", "shrunk"])
def dots(request):
    spacing, size = request.param
    return _dots(spacing), size


def _find_dot(crop, x, y, radius):
    """The centroid and color of the light within ``radius`` of (x, y)."""
    ys, xs = np.mgrid[: crop.shape[0], : crop.shape[1]]
    light = np.where((xs - x) ** 2 + (ys - y) ** 2 <= radius**2, crop.sum(axis=-1, dtype=np.float64), 0)
    near = light > 0
    color = crop[near].astype(np.float64).sum(axis=0)
    return (light * xs).sum() / light.sum(), (light * ys).sum() / light.sum(), color / color[0]


@pytest.mark.parametrize(
    "geometric", [Geometric(), Geometric(wide_roll_share=1.0)], ids=["usual", "any roll"]
)
def test_labels_turn_with_pixels(dots, geometric):
    sample, size = dots
    seen, mirrored_seen = 0, []
    for seed in range(12):
        example = augment(
            sample,
            np.random.default_rng(seed),
            size=size,
            crop_scale=1.35,
            geometric=geometric,
            photometric=NO_PERTURBATION,
        )
        assert example.crop.shape == (size, size, 3)
        assert example.crop.dtype == np.uint8
        assert example.points.dtype == np.float32
        radius = 0.4 * _length(example.points, 0, 1)
        colors = {False: [], True: []}
        for index, (x, y) in enumerate(example.points[:, :2]):
            if not (radius <= x <= size - 1 - radius and radius <= y <= size - 1 - radius):
                continue
            found_x, found_y, color = _find_dot(example.crop, x, y, radius)
            assert abs(found_x - x) < 0.3
            assert abs(found_y - y) < 0.3
            for mirrored, differences in colors.items():
                expected = _color(MIRROR[index] if mirrored else index)
                differences.append(np.abs(color - expected).max())
            seen += 1
        fits = {mirrored: max(differences) < 0.05 for mirrored, differences in colors.items()}
        assert fits[True] != fits[False]
        mirrored = fits[True]
        mirrored_seen.append(mirrored)
        order = MIRROR if mirrored else np.arange(66)
        np.testing.assert_array_equal(example.weight_xy, sample.weight_xy[order])
        np.testing.assert_array_equal(example.weight_z, sample.weight_z[order])
        # z is scaled as lengths in the picture are.
        scale = _length(example.points, 20, 50) / _length(sample.points, order[20], order[50])
        np.testing.assert_allclose(
            example.points[:, 2], sample.points[order, 2] * scale, rtol=1e-3, atol=1e-3
        )
    assert seen > 300
    assert 0 < sum(mirrored_seen) < len(mirrored_seen)


def _length(points, first, second):
    return np.linalg.norm(points[first, :2] - points[second, :2])


def test_augmentation_is_a_function_of_the_generators_state(dots):
    sample, size = dots
    arguments = {
        "size": size,
        "crop_scale": 1.35,
        "geometric": Geometric(),
        "photometric": Photometric(),
    }
    before = sample.image.copy(), sample.points.copy()
    first, again, other = (augment(sample, np.random.default_rng(s), **arguments) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.crop, again.crop)
    np.testing.assert_array_equal(first.points, again.points)
    assert not np.array_equal(first.points, other.points)
    np.testing.assert_array_equal(sample.image, before[0])
    np.testing.assert_array_equal(sample.points, before[1])


def test_without_variation_the_crop_is_the_detectors(dots):
    sample, size = dots
    example = augment(
        sample,
        np.random.default_rng(0),
        size=size,
        crop_scale=1.35,
        geometric=STILL,
        photometric=NO_PERTURBATION,
    )
    crop = upright_crop(sample.points, size=size, crop_scale=1.35)
    np.testing.assert_allclose(example.points, crop.to_crop(sample.points), atol=1e-3)
    np.testing.assert_array_equal(example.crop, crop.sample(sample.image))


def test_mirrored_points_are_those_of_the_mirrored_picture():
    points = np.random.default_rng(1).uniform(0, 31, (66, 3)).astype(np.float32)
    mirrored = mirror_points(points, width=32)
    assert mirrored[36, 0] == pytest.approx(31 - points[45, 0])
    np.testing.assert_array_equal(mirrored[:, 1:], points[MIRROR, 1:])
    np.testing.assert_allclose(mirror_points(mirrored, width=32), points, atol=1e-5)


def test_a_mirrored_view_is_the_mirror_image(dots):
    sample, size = dots
    arguments = {"size": size, "crop_scale": 1.35, "geometric": STILL, "photometric": NO_PERTURBATION}
    plain, mirrored = (
        augment(sample, np.random.default_rng(0), **arguments, mirrored=value) for value in (False, True)
    )
    np.testing.assert_array_equal(mirrored.crop, plain.crop[:, ::-1])
    np.testing.assert_allclose(mirrored.points, mirror_points(plain.points, width=size))
    np.testing.assert_array_equal(mirrored.weight_xy, plain.weight_xy[MIRROR])
    np.testing.assert_array_equal(mirrored.weight_z, plain.weight_z[MIRROR])


@pytest.mark.parametrize("geometric", [Geometric(), UniformVariation()])
def test_the_crops_of_a_batch_are_those_around_each_face(dots, geometric):
    sample, size = dots
    views = draw_views(
        sample,
        np.random.default_rng(3),
        size=size,
        crop_scale=1.35,
        geometric=geometric,
        photometric=NO_PERTURBATION,
        count=8,
        mirrored=False,
    )
    angles, shifts, scales = views.variations.placements
    matrices = views.to_photos()
    for index in range(8):
        crop = upright_crop(
            sample.points,
            size=size,
            crop_scale=1.35,
            angle=angles[index],
            shift=shifts[index],
            scale=scales[index],
        )
        for name in ("center_x", "center_y", "side"):
            assert getattr(views.crop(index), name) == pytest.approx(getattr(crop, name))
        np.testing.assert_allclose(views.labels.points[index], crop.to_crop(sample.points), atol=1e-3)
        corner = crop.to_image(np.array([[0.0, 0], [size - 1, 3]]))
        place = np.array([[0.0, 0, 1], [size - 1, 3, 1]]) @ matrices[index].T
        np.testing.assert_allclose(place, corner, atol=1e-9)


def test_the_distribution_of_crops_is_as_described():
    angle, shift, scale = Geometric(wide_roll_share=0.25).sample(20_000, np.random.default_rng(0))
    beyond = np.abs(np.rad2deg(angle)) > 4 * 18
    assert beyond.mean() == pytest.approx(0.25 * 0.28, rel=0.1)
    assert shift.std() == pytest.approx(0.06, rel=0.05)
    assert np.log(scale).std() == pytest.approx(0.10, rel=0.05)
    assert np.abs(shift).max() <= 0.2


def test_what_a_patch_covers_is_known_to_be_hidden(dots):
    sample, size = dots
    arguments = {"size": size, "crop_scale": 1.35, "geometric": Geometric(), "mirrored": False}
    occluding = dataclasses.replace(NO_PERTURBATION, occlusion=0.5)
    views = draw_views(sample, np.random.default_rng(1), **arguments, photometric=occluding, count=20)
    drawn = views.variations.perturbations
    hidden = covered(views.labels.points[..., :2], drawn)
    assert 0.02 < hidden.mean() < 0.5
    np.testing.assert_array_equal(views.labels.weight_visible, hidden)
    assert not views.labels.visible[hidden].any()
    assert not hidden[drawn.patches == 0].any()


@pytest.mark.parametrize("degrees", [0, 30, -75, 180])
def test_upright_crop_holds_all_points_with_its_crop_scale(degrees):
    size, crop_scale = 128, 1.35
    points = np.random.default_rng(2).uniform(40, 90, (66, 3))
    crop = upright_crop(points, size=size, crop_scale=crop_scale, angle=np.deg2rad(degrees))
    x0, y0, x1, y1 = box_around(crop.to_crop(points))
    assert max(x1 - x0, y1 - y0) == pytest.approx(size / crop_scale, rel=1e-4)
    assert (x0 + x1) / 2 == pytest.approx((size - 1) / 2, abs=1e-3)
    assert (y0 + y1) / 2 == pytest.approx((size - 1) / 2, abs=1e-3)
    margin = size * (1 - 1 / crop_scale) / 2
    assert min(x0, y0) >= margin - 0.51
    assert max(x1, y1) <= size - 1 - margin + 0.51


def test_upright_crop_moves_with_the_detectors_error():
    points = np.random.default_rng(3).uniform(40, 90, (66, 2))
    angle = np.deg2rad(25)
    exact = upright_crop(points, size=100, crop_scale=1.3, angle=angle)
    moved = upright_crop(points, size=100, crop_scale=1.3, angle=angle, shift=(0.1, -0.05), scale=1.2)
    assert moved.side == pytest.approx(1.2 * exact.side)
    box_side = exact.side / 1.3
    center_in_exact = exact.to_crop(np.array([moved.center_x, moved.center_y]))
    expected = np.array([49.5 + 0.1 * box_side / exact.scale, 49.5 - 0.05 * box_side / exact.scale])
    np.testing.assert_allclose(center_in_exact, expected, atol=1e-6)
