"""The pipeline, with a network of random weights: what comes out depends on the pixels, but means nothing."""

import subprocess
import sys
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

import face_alignment_3d
from face_alignment_3d import Detection, DeviceError, FaceAligner3D
from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.errors import BoxError, ImageError, WeightsError
from face_alignment_3d.networks.presets import lite
from face_alignment_3d.weights.loading import save_cascade

BOX = [179.0, 90, 268, 178]
BOXES = np.float32([[20, 30, 70, 90], BOX, [400.5, 10.25, 560, 130], [100, 100, 110, 112]])


class FixedDetector:
    """Always the same faces."""

    def __init__(self, *detections: Detection) -> None:
        self.detections = detections

    def detect(self, image_rgb: np.ndarray) -> Sequence[Detection]:
        assert image_rgb.dtype == np.uint8
        assert image_rgb.shape[2] == 3
        return self.detections


class NoDetector:
    """For calls that must not look for faces."""

    def detect(self, image_rgb: np.ndarray) -> Sequence[Detection]:
        raise AssertionError("the detector was asked")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    cascade = lite()
    with torch.no_grad():
        cascade.regression.score.weight.mul_(30)  # Peaks that move with the pixels, not a flat map's middle.
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_cascade(cascade, path, preset="lite", metadata={})
    return path


@pytest.fixture(scope="module")
def aligner(weights: Path) -> FaceAligner3D:
    return FaceAligner3D(weights, device="cpu", detector=NoDetector())


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(skimage.data.astronaut())


def test_landmarks_of_given_boxes(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    landmarks = aligner.get_landmarks(photo, boxes=BOXES)
    assert landmarks.shape == (4, 66, 3)
    assert landmarks.dtype == np.float32
    assert np.isfinite(landmarks).all()
    np.testing.assert_allclose(landmarks[..., 2].mean(axis=1), 0, atol=1e-3)
    assert landmarks[1, :, :2].std() > 1  # The fixture's network does look at the pixels.


def test_landmarks_lie_in_the_crop_of_their_box(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    for face, box in zip(aligner.detect(photo, boxes=BOXES), BOXES, strict=True):
        center, side = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max()
        assert (np.abs(face.landmarks[:, :2] - center) <= 1.35 * side / 2).all()


def test_faces_carry_box_score_and_confidence(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    faces = aligner.detect(photo, boxes=BOXES)
    np.testing.assert_array_equal([face.box for face in faces], BOXES)  # In the caller's order.
    for face, landmarks in zip(faces, aligner.get_landmarks(photo, boxes=BOXES), strict=True):
        np.testing.assert_array_equal(face.landmarks, landmarks)
        assert face.score is None
        assert face.confidence.shape == (66,)
        assert face.confidence.dtype == np.float32
        assert (face.confidence >= 0).all()
        assert (face.confidence <= 1 + 1e-6).all()


def test_no_face_is_an_empty_result_of_the_same_kind(weights: Path, photo: np.ndarray) -> None:
    blind = FaceAligner3D(weights, device="cpu", detector=FixedDetector())
    for landmarks in (blind.get_landmarks(photo), blind.get_landmarks(photo, boxes=[])):
        assert landmarks.shape == (0, 66, 3)
        assert landmarks.dtype == np.float32
    assert blind.detect(photo) == []
    assert blind.detect_batch([photo, photo]) == [[], []]
    assert blind.get_landmarks_batch([]) == []


def test_detected_faces_come_largest_first(weights: Path, photo: np.ndarray) -> None:
    found = [Detection(np.array(box), score) for box, score in zip(BOXES, (0.9, 0.8, 0.7, 1.0), strict=True)]
    faces = FaceAligner3D(weights, device="cpu", detector=FixedDetector(*found), min_confidence=0).detect(
        photo
    )
    assert sorted(face.score for face in faces) == [0.7, 0.8, 0.9, 1.0]
    boxes = np.stack([box_around(face.landmarks) for face in faces])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert areas.tolist() == sorted(areas.tolist(), reverse=True)


def test_a_detectors_roll_levels_the_crop(aligner: FaceAligner3D, weights: Path, photo: np.ndarray) -> None:
    size = photo.shape[0]
    lying = np.ascontiguousarray(np.rot90(photo, -1))  # Clockwise: (x, y) goes to (size - 1 - y, x).
    x0, y0, x1, y1 = BOX
    box = np.array([size - 1 - y1, x0, size - 1 - y0, x1])
    detector = FixedDetector(Detection(box, 1.0, roll=np.pi / 2))
    (face,) = FaceAligner3D(weights, device="cpu", detector=detector, min_confidence=0).detect(lying)
    upright = aligner.get_landmarks(photo, boxes=[BOX])[0]
    expected = np.stack([size - 1 - upright[:, 1], upright[:, 0], upright[:, 2]], axis=1)
    np.testing.assert_allclose(face.landmarks, expected, atol=0.5)


def test_boxes_that_are_no_boxes_name_the_detector(weights: Path, photo: np.ndarray) -> None:
    detector = FixedDetector(Detection(np.array([10.0, 10, 5, 5]), 1.0))
    with pytest.raises(BoxError, match="from the detector: boxes must have"):
        FaceAligner3D(weights, device="cpu", detector=detector).detect(photo)


def test_a_batch_equals_single_calls(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    images = [photo, photo[100:300, 50:400], photo[..., 0], np.zeros((8, 8, 3), np.uint8)]
    boxes = [BOXES, BOXES[:1], np.zeros((0, 4)), [[0, 0, 7, 7]]]
    single = [aligner.get_landmarks(i, boxes=b) for i, b in zip(images, boxes, strict=True)]
    for batch_size in (1, 2, 32):
        batch = aligner.get_landmarks_batch(images, boxes=boxes, batch_size=batch_size)
        assert [landmarks.shape[0] for landmarks in batch] == [4, 1, 0, 1]
        for one, other in zip(single, batch, strict=True):
            np.testing.assert_allclose(other, one, atol=1e-3)


def test_a_batch_may_be_an_array_or_a_tensor(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    images = np.stack([photo, photo[:, ::-1]])
    expected = [aligner.get_landmarks(image, boxes=[BOX]) for image in images]
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2)
    for batch in (images, tensors, tuple(images)):
        result = aligner.get_landmarks_batch(batch, boxes=[[BOX], [BOX]])
        np.testing.assert_allclose(np.stack(result), np.stack(expected), atol=1e-3)


class MadeWhenAsked(Sequence):
    """A sequence whose photos exist only when they are asked for."""

    def __init__(self, photo: np.ndarray, count: int, *, one_buffer: bool) -> None:
        self.photo, self.count = photo, count
        self.buffer = np.empty_like(photo) if one_buffer else None
        self.given: list[weakref.ref] = []
        self.most_alive = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        if index >= self.count:
            raise IndexError(index)
        image = np.roll(self.photo, 20 * index, axis=1)
        if self.buffer is not None:
            self.buffer[:] = image
            return self.buffer
        self.given.append(weakref.ref(image))
        self.most_alive = max(self.most_alive, sum(ref() is not None for ref in self.given))
        return image


@pytest.mark.parametrize("one_buffer", [False, True])
def test_photos_that_the_caller_does_not_keep_are_not_kept(
    aligner: FaceAligner3D, photo: np.ndarray, one_buffer: bool
) -> None:
    images = MadeWhenAsked(photo, 6, one_buffer=one_buffer)
    batch = aligner.get_landmarks_batch(images, boxes=[[BOX]] * 6)
    assert images.most_alive <= 3  # The next, the one before, and what Python's iterators hold on to.
    for index, landmarks in enumerate(batch):
        expected = aligner.get_landmarks(np.roll(photo, 20 * index, axis=1), boxes=[BOX])
        np.testing.assert_allclose(landmarks, expected, atol=1e-3)


def test_crops_are_made_for_one_batch_after_the_other(
    aligner: FaceAligner3D, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many faces there are, no more crops are in memory than a batch of them."""
    alive: list[weakref.ref] = []
    counts = []

    def sample(crop: Crop, image: np.ndarray) -> np.ndarray:
        pixels = original(crop, image).copy()
        alive.append(weakref.ref(pixels))
        counts.append(sum(ref() is not None for ref in alive))
        return pixels

    original = Crop.sample
    monkeypatch.setattr(Crop, "sample", sample)
    photos = [photo, Image.fromarray(photo)] * 3
    boxes = [BOXES] * 6
    found = aligner.detect_batch(photos, boxes=boxes, batch_size=4)
    assert [len(faces) for faces in found] == [4] * 6
    assert len(counts) == 24
    assert max(counts) <= 4


def test_images_of_a_batch_without_boxes_are_searched(weights: Path, photo: np.ndarray) -> None:
    detector = FixedDetector(Detection(np.array(BOX), 0.9))
    searching = FaceAligner3D(weights, device="cpu", detector=detector, min_confidence=0)
    given, found = searching.detect_batch([photo, photo], boxes=[[BOX, BOX], None])
    assert [face.score for face in given] == [None, None]
    assert [face.score for face in found] == [0.9]


def test_moving_the_image_moves_the_landmarks(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    moved = np.pad(photo, ((13, 0), (29, 0), (0, 0)))
    before = aligner.get_landmarks(photo, boxes=[BOX])
    after = aligner.get_landmarks(moved, boxes=[np.add(BOX, [29, 13, 29, 13])])
    np.testing.assert_allclose(after, before + np.float32([29, 13, 0]), atol=1e-2)


def test_enlarging_the_image_enlarges_all_three_coordinates(aligner: FaceAligner3D) -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    box = np.array([16.0, 16, 110, 110])
    before = aligner.get_landmarks(small, boxes=[box])
    after = aligner.get_landmarks(large, boxes=[(box + 0.5) * 4 - 0.5])
    expected = before * 4 + np.float32([1.5, 1.5, 0])
    assert np.abs(after - expected).mean() < 4  # A pixel of the small image; its interpolation differs.


def test_faces_that_reach_beyond_the_image(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    landmarks = aligner.get_landmarks(photo, boxes=[[-60, -60, 60, 60], [600, 600, 700, 700]])
    assert landmarks.shape == (2, 66, 3)
    assert (landmarks[1, :, :2] > 512).all()


def test_color_order(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    bgr = np.ascontiguousarray(photo[..., ::-1])
    as_rgb = aligner.get_landmarks(photo, boxes=[BOX])
    np.testing.assert_array_equal(aligner.get_landmarks(bgr, boxes=[BOX], color="bgr"), as_rgb)
    np.testing.assert_array_equal(aligner.get_landmarks_batch([bgr], boxes=[[BOX]], color="bgr")[0], as_rgb)
    assert np.abs(aligner.get_landmarks(bgr, boxes=[BOX]) - as_rgb).max() > 0.1


def test_kinds_of_images_agree(aligner: FaceAligner3D, photo: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    expected = aligner.get_landmarks(photo, boxes=[BOX])
    for image in (path, str(path), Image.fromarray(photo), torch.from_numpy(photo).permute(2, 0, 1)):
        np.testing.assert_allclose(aligner.get_landmarks(image, boxes=[BOX]), expected, atol=1e-3)


def test_calls_leave_their_arguments_alone(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    image, boxes = photo.copy(), BOXES.copy()
    faces = aligner.detect(image, boxes=boxes)
    faces[0].box[:] = 0
    np.testing.assert_array_equal(image, photo)
    np.testing.assert_array_equal(boxes, BOXES)


def test_threads_get_what_single_calls_get(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    images = [np.roll(photo, offset, axis=1) for offset in range(0, 160, 20)]
    alone = [aligner.get_landmarks(image, boxes=BOXES) for image in images]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda image: aligner.get_landmarks(image, boxes=BOXES), images))
    np.testing.assert_allclose(np.stack(together), np.stack(alone), atol=1e-3)


def test_results_need_no_gradient(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    assert torch.is_grad_enabled()
    aligner.get_landmarks(photo, boxes=[BOX])
    assert torch.is_grad_enabled()


def test_the_default_detector_finds_the_face(photo: np.ndarray) -> None:
    aligner = FaceAligner3D(device="cpu")
    (face,) = aligner.detect(photo)
    np.testing.assert_allclose(face.box, BOX, atol=12)
    assert face.score is not None
    assert face.score > 0.9
    assert aligner.detector is aligner.detector


def test_errors_of_a_batch_name_the_image(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"image 1 of the batch: .*no such file"):
        aligner.get_landmarks_batch([photo, "missing.jpg"], boxes=[[BOX], [BOX]])
    with pytest.raises(BoxError, match=r"image 0 of the batch: boxes must have .*; got \(5,\)"):
        aligner.get_landmarks_batch([photo], boxes=[[1, 2, 3, 4, 5]])
    with pytest.raises(BoxError, match="one entry an image; got 1 for 2 images"):
        aligner.get_landmarks_batch([photo, photo], boxes=[[BOX]])
    with pytest.raises(ValueError, match="batch_size must be at least 1; got 0"):
        aligner.get_landmarks_batch([photo], boxes=[[BOX]], batch_size=0)


@pytest.mark.parametrize(
    "one", ["photo.jpg", Path("photo.jpg"), np.zeros((9, 9, 3), np.uint8), torch.zeros(3, 9, 9)]
)
def test_a_single_image_is_no_batch(aligner: FaceAligner3D, one: object) -> None:
    with pytest.raises(ImageError, match="put a single image into a list"):
        aligner.get_landmarks_batch(one)  # type: ignore[arg-type]


def test_errors_of_a_single_call_speak_of_no_batch(aligner: FaceAligner3D) -> None:
    with pytest.raises(ImageError, match=r"^(?!.*batch)"):
        aligner.get_landmarks("missing.jpg", boxes=[BOX])


def test_what_cannot_be_had_is_refused_at_once(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="device must be"):
        FaceAligner3D(weights, device="gpu")
    with pytest.raises(WeightsError, match="no weight file"):
        FaceAligner3D(tmp_path / "none.safetensors", device="cpu")


def test_the_public_names_exist() -> None:
    for name in face_alignment_3d.__all__:
        assert hasattr(face_alignment_3d, name), name


def test_importing_loads_no_detector_and_no_training_code() -> None:
    code = (
        "import sys, face_alignment_3d; "
        "loaded = [m for m in sys.modules if m.startswith(('facenet_pytorch', 'torchvision', "
        "'face_alignment_3d.training', 'face_alignment_3d.cli'))]; assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_landmarks_in_the_markup_of_68(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    points66 = aligner.get_landmarks(photo, boxes=BOXES)
    points68 = aligner.get_landmarks(photo, boxes=BOXES, markup="68")
    assert (points68.shape, points68.dtype) == ((4, 68, 3), np.float32)
    np.testing.assert_array_equal(np.delete(points68, (60, 64), axis=1), points66)
    (batch,) = aligner.get_landmarks_batch([photo], boxes=[BOXES], markup="68")
    np.testing.assert_allclose(batch, points68, atol=1e-3)
    assert aligner.get_landmarks(photo, boxes=np.zeros((0, 4)), markup="68").shape == (0, 68, 3)
    with pytest.raises(ValueError, match=r"markup must be one of the strings .66. and .68.; got .49."):
        aligner.get_landmarks(photo, boxes=BOXES, markup="49")  # type: ignore[arg-type]
