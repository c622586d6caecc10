"""The batched executors against the ones of OpenCV. They run on the CPU here, as they would on a GPU."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.augment import Geometric, sample_variations, show, varied_views
from face_alignment_3d.training.data.augment_torch import PhotoStore, pack, render
from face_alignment_3d.training.data.jpeg_torch import jpeg
from face_alignment_3d.training.data.photometric import Photometric, sample_perturbations
from face_alignment_3d.training.data.photometric_opencv import perturb
from face_alignment_3d.training.data.photometric_torch import pack_perturbations, perturb_batch
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
    drawn = sample_perturbations(count, len(crop), np.random.default_rng(0), chances)
    expected = np.stack([perturb(crop, drawn, index) for index in range(count)]).astype(int)
    batch = torch.from_numpy(np.stack([crop] * count)).permute(0, 3, 1, 2).float()
    result = perturb_batch(batch, pack_perturbations(drawn)).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(result, np.rint(result))
    assert result.min() >= 0
    assert result.max() <= 255
    return np.abs(result - expected)


@pytest.mark.parametrize(
    ("kind", "most"),
    [("color", 1), ("gray", 1), ("blur", 1), ("low_resolution", 2), ("noise", 1), ("illumination", 1)],
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
    drawn = sample_perturbations(2, len(crop), np.random.default_rng(0), NONE)
    drawn.gray[1] = True
    batch = torch.from_numpy(np.stack([crop] * 2)).permute(0, 3, 1, 2).float()
    result = perturb_batch(batch, pack_perturbations(drawn))
    assert torch.equal(result[0], batch[0])
    assert not torch.equal(result[1], batch[1])


@pytest.fixture(scope="module")
def samples():
    faces = posed_faces(4, seed=1)[0][:, FROM_68].astype(np.float32)
    weights = np.arange(66, dtype=np.float32)
    return [Sample(str(i), picture(face), face, weights, weights / 2) for i, face in enumerate(faces)]


def _views(samples, size, chances, count=16):
    """Views of the samples in turn, and the number of each one's photo."""
    variations = sample_variations(
        count,
        np.random.default_rng(0),
        size=size,
        geometric=Geometric(wide_roll_share=0.4, shift=0.15),
        photometric=chances,
    )
    photo = np.arange(count) % len(samples)
    views = varied_views([samples[i] for i in photo], variations, size=size, crop_scale=1.35)
    return views, photo


def _both(samples, size, chances, count=16):
    """(count, S, S, 3) crops of the batch and of OpenCV, as int."""
    views, photo = _views(samples, size, chances, count)
    store = PhotoStore.of([sample.image for sample in samples]).to(torch.device("cpu"))
    result = render(pack(views, photo).to(torch.device("cpu")), store)
    assert result.dtype == torch.uint8
    assert result.is_contiguous(memory_format=torch.channels_last)
    expected = np.stack([show(views, index) for index in range(count)]).astype(int)
    return result.permute(0, 2, 3, 1).numpy().astype(int), expected


@pytest.mark.parametrize("size", [40, 64, 96, 180], ids=["blocks", "some blocks", "few blocks", "enlarged"])
def test_warped_crops_are_the_same_within_rounding(samples, size):
    views, photo = _views(samples, size, NONE)
    assert set(views.variations.mirrored) == set(views.variations.replicate) == {True, False}
    blocks = {block for block, _ in pack(views, photo).blocks}
    assert (max(blocks) > 1) == (size <= 96)
    result, expected = _both(samples, size, NONE)
    difference = np.abs(result - expected)
    assert difference.max() <= 2
    assert difference.mean() < 0.05


@pytest.mark.parametrize("size", [30, 64])
def test_beyond_the_photo_it_is_black_or_like_its_edge(samples, size):
    """A face in the corner of its photo, so that a third of the crop lies beyond; photos of several sizes."""
    cut = [
        dataclasses.replace(s, image=s.image[60 + 3 * i :, 70:].copy(), points=s.points - [70, 60 + 3 * i, 0])
        for i, s in enumerate(samples)
    ]
    result, expected = _both(cut, size, NONE)
    assert np.abs(result - expected).max() <= 2
    assert any((crop == 0).mean() > 0.1 for crop in result)


def test_labels_travel_with_the_crops(samples):
    views, photo = _views(samples, 64, Photometric())
    for tensor, array in zip(pack(views, photo).labels, views.labels, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_a_whole_batch_looks_alike(samples):
    result, expected = _both(samples, 96, Photometric(), count=32)
    assert np.abs(result - expected).mean() < 0.2
