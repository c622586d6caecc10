"""Crops sampled on a device against those of OpenCV. The device is the CPU here."""

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from face_alignment_3d import Detection, Face3D, FaceAligner3D
from face_alignment_3d.backends import device_crops
from face_alignment_3d.backends.device_crops import pack, parts_of, sample
from face_alignment_3d.backends.protocol import CropSource
from face_alignment_3d.backends.torch_backend import TorchBackend
from face_alignment_3d.boxes import FaceBox
from face_alignment_3d.crop import Crop
from face_alignment_3d.crop_windows import crop_windows
from face_alignment_3d.face_views import FaceView, FaceViewCrops

SIZE = 64
FACE = np.float32([179.0, 90, 268, 178])
#: Before version 5 OpenCV rounded positions to 1/32 of a pixel.
EXACT = int(cv2.__version__.split(".")[0]) >= 5
#: Gray levels, largest and mean.
MOST, MEAN = (1, 0.01) if EXACT else (9, 1.0)
#: Crop pixels; and of confidence and visibility.
MOST_PIXELS, MOST_CONFIDENCE = (0.02, 0.01) if EXACT else (0.2, 0.1)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(skimage.data.astronaut())[:401, :333].copy()


def _sampled(sources: Sequence[CropSource]) -> np.ndarray:
    crops = np.empty((len(sources), SIZE, SIZE, 3), np.uint8)
    start = 0
    for some, windows in parts_of(sources):
        packed = pack(some, windows, pinned=False).to(torch.device("cpu"))
        crops[start + packed.order] = sample(packed).numpy()
        start += len(some)
    assert start == len(sources)
    return crops


def _check(sources: Sequence[CropSource]) -> np.ndarray:
    expected = np.stack([crop.sample(photo) for photo, crop in sources]).astype(int)
    difference = np.abs(_sampled(sources) - expected)
    assert difference.max() <= MOST
    assert difference.mean() < MEAN
    return expected


@pytest.mark.parametrize("scale", [0.2, 0.9, 1.0, 1.99, 2.0, 2.6, 3.0, 4.3, 5.9])
def test_crops_are_those_of_opencv(photo: np.ndarray, scale: float) -> None:
    side = scale * SIZE
    angles = [0, 0.3, -1.2, math.pi / 2, math.pi]
    centers = [(150.3, 200.8), (20, 30), (330.2, 399), (-10, 410)]
    expected = _check(
        [CropSource(photo, Crop(x, y, side, SIZE, a)) for (x, y), a in product(centers, angles)]
    )
    assert (expected == 0).all(axis=-1).mean() > 0.05  # What lies beyond the photo.


def test_photos_sizes_and_scales_may_be_mixed(photo: np.ndarray) -> None:
    random = np.random.default_rng(0)
    sources = []
    for _ in range(60):
        height, width = random.integers(1, 400, 2)
        x, y, side = *random.uniform(-50, 400, 2), math.exp(random.uniform(2, 7))
        cut = photo[: min(height, 401), : min(width, 333)]
        sources.append(CropSource(cut, Crop(x, y, side, SIZE, random.uniform(-4, 4))))
    assert len(np.unique(crop_windows([c for _, c in sources], np.array([[333, 401]] * 60)).blocks)) > 6
    _check(sources)


def test_a_crop_that_is_made_already_stays_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    middle = (SIZE - 1) / 2
    made = Crop(middle, middle, SIZE, SIZE)
    np.testing.assert_array_equal(_sampled([CropSource(each, made) for each in pixels]), pixels)


def test_windows_far_from_their_photo_are_black(photo: np.ndarray) -> None:
    far = [(1e5, 0, 50), (-1e30, 1e30, 1e3), (1e38, 1e38, 10)]
    sources = [CropSource(photo, Crop(*place, SIZE, angle)) for place, angle in product(far, [0.0, 0.5])]
    assert not _sampled(sources).any()
    assert not _check(sources).any()


def test_the_smallest_photo_and_the_largest_window() -> None:
    pixel = np.full((1, 1, 3), 200, np.uint8)
    _check([CropSource(pixel, Crop(0, 0, side, SIZE)) for side in (0.01, 1, 70, 1e6)])


def test_crops_that_exceed_what_goes_up_together(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [CropSource(photo, Crop(150 + i, 200, 100 * (1 + i % 5), SIZE)) for i in range(23)]
    monkeypatch.setattr(device_crops, "_MOST_CROPS", 7)
    assert [len(some) for some, _ in parts_of(sources)] == [7, 7, 7, 2]
    monkeypatch.setattr(device_crops, "_MOST_BYTES", 3 * 260**2)
    sizes = [len(some) for some, _ in parts_of(sources)]
    assert sum(sizes) == 23
    assert min(sizes) == 1  # One of the large crops, with more bytes than that.
    assert max(sizes) > 1
    _check(sources)


def test_threads_copy_large_batches(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [CropSource(photo, Crop(150 + i, 200, 60 + 20 * i, SIZE)) for i in range(11)]
    expected = _sampled(sources)
    monkeypatch.setattr(device_crops, "_WORTH_THREADS", 0)
    monkeypatch.setattr(device_crops, "usable_cores", lambda: 3)
    np.testing.assert_array_equal(_sampled(sources), expected)


def test_only_what_the_crops_show_goes_up(photo: np.ndarray) -> None:
    sources = [CropSource(photo, Crop(150, 200, 50, SIZE))] * 3
    ((some, windows),) = parts_of(sources)
    assert pack(some, windows, pinned=False).memory.nbytes < 3 * (3 * 56**2 + 80)


def test_windows_are_those_of_single_crops(photo: np.ndarray) -> None:
    random = np.random.default_rng(1)
    crops = [
        Crop(*random.uniform(-50, 400, 2), math.exp(random.uniform(2, 7)), SIZE, random.uniform(-4, 4))
        for _ in range(50)
    ]
    windows = crop_windows(crops, np.array([[333, 401]] * 50))
    for crop, (x0, y0, x1, y1), block, matrix in zip(
        crops, windows.parts, windows.blocks, windows.matrices, strict=True
    ):
        part, expected = crop.cut(photo)
        np.testing.assert_allclose(matrix, expected, atol=1e-9)
        assert part.shape[:2] == (-(-(y1 - y0) // block), -(-(x1 - x0) // block))


@pytest.fixture(scope="module")
def aligners() -> tuple[FaceAligner3D, FaceAligner3D]:
    """Crops of OpenCV, and crops of the device."""
    return tuple(
        FaceAligner3D(
            backend=TorchBackend("lite", device="cpu", device_crops=on_device), detector=AtTwoAngles()
        )
        for on_device in (False, True)
    )


class AtTwoAngles:
    """The astronaut's face, looked for twice."""

    def detect(self, image_rgb: np.ndarray) -> Sequence[Detection]:
        return [Detection(FACE, 0.99, roll=2.0), Detection(FACE, 0.9, roll=0.1)]


def _check_landmarks(found: list[list[Face3D]], expected: list[list[Face3D]]) -> None:
    assert [len(faces) for faces in found] == [len(faces) for faces in expected]
    for faces, others in zip(found, expected, strict=True):
        for face, other in zip(faces, others, strict=True):
            scale = 1.25 * np.max(other.box[2:] - other.box[:2]) / 128
            np.testing.assert_allclose(face.landmarks, other.landmarks, atol=MOST_PIXELS * scale, rtol=0)
            np.testing.assert_allclose(face.confidence, other.confidence, atol=MOST_CONFIDENCE)
            np.testing.assert_allclose(face.visibility, other.visibility, atol=MOST_CONFIDENCE)
            np.testing.assert_array_equal(face.box, other.box)


def test_landmarks_of_a_batch_are_the_same(
    aligners: tuple[FaceAligner3D, FaceAligner3D], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, on_device = aligners
    astronaut = np.asarray(skimage.data.astronaut())
    photos = [cv2.resize(astronaut, None, fx=f, fy=f) for f in (0.4, 1, 1.7, 2.3, 3.4)]
    boxes = [[(FACE + 0.5) * f - 0.5] * (1 + i % 2) for i, f in enumerate((0.4, 1, 1.7, 2.3, 3.4))]
    expected = plain.detect_batch(photos, boxes=boxes)
    assert min(face.certainty for faces in expected for face in faces) > 0.5
    calls = []
    monkeypatch.setattr(Crop, "sample", lambda *_: calls.append("sampled by OpenCV"))
    for batch_size in (1, 3, 32):
        _check_landmarks(on_device.detect_batch(photos, boxes=boxes, batch_size=batch_size), expected)
    assert calls == []


def test_files_and_streams_are_the_same(
    aligners: tuple[FaceAligner3D, FaceAligner3D], tmp_path: Path
) -> None:
    plain, on_device = aligners
    photo = np.asarray(skimage.data.astronaut())
    Image.fromarray(photo).save(tmp_path / "photo.png")
    images = [photo, tmp_path / "photo.png", photo[..., 0], np.zeros((20, 20, 3), np.uint8)]
    expected = plain.detect_batch(images)
    assert [len(faces) for faces in expected] == [1, 1, 1, 0]
    _check_landmarks(on_device.detect_batch(images), expected)
    _check_landmarks([item.faces for item in on_device.align_many(images)], expected)


@pytest.mark.parametrize("setting", ["default dtype", "default device", "autocast"])
def test_settings_of_the_caller_do_not_reach_the_crops(photo: np.ndarray, setting: str) -> None:
    sources = [CropSource(photo, Crop(150, 200, side, 128)) for side in (100, 300, 400)]
    backend = TorchBackend("lite", device="cpu", device_crops=True)
    crops = FaceViewCrops([FaceView(FaceBox(FACE, None, 0.0), s.crop, (401, 333), s) for s in sources])
    expected = backend.run(crops).points
    try:
        if setting == "default dtype":
            torch.set_default_dtype(torch.bfloat16)
        elif setting == "default device":
            torch.set_default_device("meta")
        with torch.autocast("cpu", torch.bfloat16, enabled=setting == "autocast"):
            found = backend.run(crops).points
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    np.testing.assert_allclose(found, expected, atol=1e-3, rtol=0)
