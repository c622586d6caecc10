"""The batched executors against the ones of OpenCV. They run on the CPU here, as they would on a GPU."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.augment import Geometric, augmented_crop, draw_variation, show
from face_alignment_3d.training.data.augment_torch import pack, render
from face_alignment_3d.training.data.jpeg_torch import jpeg
from face_alignment_3d.training.data.photometric import Photometric, draw_perturbations
from face_alignment_3d.training.data.photometric_opencv import perturb
from face_alignment_3d.training.data.photometric_torch import perturb_batch
from face_alignment_3d.training.data.sample import Sample
from tests.training.synthetic_faces import mean_face, picture, posed_faces

KINDS = [field.name for field in dataclasses.fields(Photometric)]
NONE = Photometric(**dict.fromkeys(KINDS, 0.0))


@pytest.fixture(scope="module", params=[64, 98])
def crop(request):
    """A face of dots on cloudy ground, so that every pixel has neighbors of another color."""
    side = request.param
    dots = picture(mean_face() * side / 4 + side / 2, side=side).astype(np.float32)
    clouds = np.random.default_rng(0).integers(0, 256, dots.shape, dtype=np.uint8)
    mixed = cv2.GaussianBlur(clouds, (0, 0), 3).astype(np.float32) + dots - 60
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _differences(crop, chances, count=24):
    """Absolute differences (count, S, S, 3) between the two executors."""
    drawn = [draw_perturbations(len(crop), np.random.default_rng(seed), chances) for seed in range(count)]
    expected = np.stack([perturb(crop, one) for one in drawn]).astype(int)
    batch = torch.from_numpy(np.stack([crop] * count)).permute(0, 3, 1, 2).float()
    result = perturb_batch(batch, drawn).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(result, np.rint(result))
    assert result.min() >= 0
    assert result.max() <= 255
    return np.abs(result - expected)


@pytest.mark.parametrize(
    ("kind", "most"),
    [("color", 1), ("gray", 1), ("blur", 1), ("low_resolution", 2), ("noise", 0), ("illumination", 1)],
)
def test_a_perturbation_is_the_same_within_rounding(crop, kind, most):
    difference = _differences(crop, dataclasses.replace(NONE, **{kind: 1.0}))
    assert difference.max() <= most
    assert difference.mean() < 0.2


def test_patches_are_the_same_but_for_a_few_pixels_on_the_outlines_of_ellipses(crop):
    difference = _differences(crop, dataclasses.replace(NONE, occlusion=1.0))
    changed = (difference > 0).any(axis=-1)
    assert changed.mean(axis=(1, 2)).max() < 0.01
    assert (changed.sum(axis=(1, 2)) == 0).sum() > 2  # The rectangles.


def test_jpeg_loses_what_the_codec_loses(crop):
    difference = _differences(crop, dataclasses.replace(NONE, jpeg=1.0))
    assert difference.mean() < 1.0
    assert difference.mean(axis=(1, 2, 3)).max() < 1.5


@pytest.mark.parametrize("quality", [10, 50, 95])
def test_the_error_of_jpeg_is_of_the_codecs_size(crop, quality):
    _, packed = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1].astype(float)
    batch = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float()
    ours = jpeg(batch, torch.tensor([float(quality)]))[0].permute(1, 2, 0).numpy()
    error, expected = np.abs(ours - crop).mean(), np.abs(decoded - crop).mean()
    assert error == pytest.approx(expected, rel=0.05, abs=0.1)


def test_crops_that_drew_nothing_are_left_alone(crop):
    drawn = [draw_perturbations(len(crop), np.random.default_rng(0), NONE)]
    drawn += [draw_perturbations(len(crop), np.random.default_rng(0), dataclasses.replace(NONE, gray=1.0))]
    batch = torch.from_numpy(np.stack([crop] * 2)).permute(0, 3, 1, 2).float()
    result = perturb_batch(batch, drawn)
    assert torch.equal(result[0], batch[0])
    assert not torch.equal(result[1], batch[1])


@pytest.fixture(scope="module")
def samples():
    faces = posed_faces(4, seed=1)[0][:, FROM_68].astype(np.float32)
    weights = np.arange(66, dtype=np.float32)
    return [Sample(str(i), picture(face), face, weights, weights / 2) for i, face in enumerate(faces)]


def _views(samples, size, chances, count=16):
    geometric = Geometric(wide_roll_share=0.4, shift=0.15)
    views = []
    for seed in range(count):
        generator = np.random.default_rng(seed)
        variation = draw_variation(generator, size=size, geometric=geometric, photometric=chances)
        views.append(augmented_crop(samples[seed % len(samples)], variation, size=size, crop_scale=1.35))
    return views


@pytest.mark.parametrize("size", [40, 96, 180], ids=["shrunk by blocks", "some shrunk", "enlarged"])
def test_warped_crops_are_the_same_within_rounding(samples, size):
    views = _views(samples, size, NONE)
    assert {view.mirrored for view in views} == {view.replicate for view in views} == {True, False}
    result = render(pack(views))
    assert result.dtype == torch.uint8
    assert result.is_contiguous(memory_format=torch.channels_last)
    expected = np.stack([show(view).crop for view in views]).astype(int)
    difference = np.abs(result.permute(0, 2, 3, 1).numpy() - expected)
    assert difference.max() <= 2
    assert difference.mean() < 0.05


def test_beyond_the_photo_it_is_black_or_like_its_edge(samples):
    """A face in the corner of its photo, so that a third of the crop lies beyond."""
    views = _views(
        [dataclasses.replace(s, image=s.image[60:, 70:], points=s.points - [70, 60, 0]) for s in samples],
        64,
        NONE,
    )
    result = render(pack(views)).permute(0, 2, 3, 1).numpy().astype(int)
    for view, crop in zip(views, result, strict=True):
        assert np.abs(crop - show(view).crop).max() <= 1
    assert any((crop == 0).mean() > 0.1 for crop in result)


def test_labels_travel_with_the_crops(samples):
    views = _views(samples, 64, Photometric())
    packed = pack(views)
    for index, example in enumerate(map(show, views)):
        for name in ("points", "weight_xy", "weight_z"):
            np.testing.assert_array_equal(getattr(packed, name)[index].numpy(), getattr(example, name))


def test_a_whole_batch_looks_alike(samples):
    views = _views(samples, 96, Photometric(), count=32)
    result = render(pack(views).to(torch.device("cpu"))).permute(0, 2, 3, 1).numpy()
    expected = np.stack([show(view).crop for view in views]).astype(int)
    assert np.abs(result - expected).mean() < 0.2
