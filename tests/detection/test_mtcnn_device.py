"""MTCNN's later stages on a device, for several photos together. The device is the CPU here."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.mtcnn_device import run_on_device
from face_alignment_3d.detection.mtcnn_stages import OUTPUT_SIZE, REFINEMENT_SIZE, StageInput, run_on_cpu
from face_alignment_3d.detection.mtcnn_torch import TorchNetworks
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.protocol import BatchFaceDetector, Detection
from face_alignment_3d.detection.resizing import Octaves
from face_alignment_3d.lazy import Lazy

CPU = torch.device("cpu")
#: Before version 5 OpenCV rounded positions to 1/32 of a pixel.
EXACT = int(cv2.__version__.split(".")[0]) >= 5


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    photo = np.asarray(skimage.data.astronaut())
    small = cv2.resize(photo, (311, 297), interpolation=cv2.INTER_AREA)
    return [photo, np.zeros((90, 70, 3), np.uint8), np.rot90(small).copy(), photo[60:330, 120:400].copy()]


@pytest.fixture(scope="module")
def networks() -> TorchNetworks:
    return TorchNetworks(CPU)


def _squares(count: int, seed: int) -> OrientedBoxes:
    random = np.random.default_rng(seed)
    sides = np.exp(random.uniform(2.5, 6, count))
    return OrientedBoxes(
        random.uniform(-20, 400, (count, 2)), np.repeat(sides[:, None], 2, 1), random.uniform(-4, 4, count)
    )


def test_looks_together_are_looks_one_by_one(photos: list[np.ndarray], networks: TorchNetworks) -> None:
    everything = slice(None)
    inputs = [
        StageInput(
            Octaves(photos[0]), _squares(60, 0), REFINEMENT_SIZE, ((everything, 0), (np.arange(9, 2, -2), 3))
        ),
        StageInput(Octaves(photos[2]), _squares(30, 1), OUTPUT_SIZE, ((everything, 0),)),
        StageInput(
            Octaves(photos[1]), _squares(0, 2), REFINEMENT_SIZE, tuple((everything, i) for i in range(4))
        ),
        StageInput(
            Octaves(photos[3]), _squares(25, 3), REFINEMENT_SIZE, tuple((everything, i) for i in range(4))
        ),
    ]
    with torch.inference_mode():
        together = run_on_device(networks._refinement, networks._output, inputs, CPU)
    for (offsets, scores), each in zip(together, inputs, strict=True):
        expected_offsets, expected_scores = run_on_cpu(networks, each)
        assert len(scores) == sum(len(np.arange(len(each.squares))[which]) for which, _ in each.turned)
        np.testing.assert_allclose(offsets, expected_offsets, atol=0.01 if EXACT else 0.2)
        np.testing.assert_allclose(scores, expected_scores, atol=0.02 if EXACT else 0.3)


def test_many_candidates_are_taken_in_parts(
    photos: list[np.ndarray], networks: TorchNetworks, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [StageInput(Octaves(photos[0]), _squares(20, 0), OUTPUT_SIZE, ((slice(None), 0), (slice(5), 1)))]
    with torch.inference_mode():
        ((offsets, scores),) = run_on_device(networks._refinement, networks._output, inputs, CPU)
        monkeypatch.setattr("face_alignment_3d.detection.mtcnn_device._MOST_PIXELS", 7 * 96**2)
        ((in_parts, scores_in_parts),) = run_on_device(networks._refinement, networks._output, inputs, CPU)
    np.testing.assert_allclose(in_parts, offsets, atol=1e-5)
    np.testing.assert_allclose(scores_in_parts, scores, atol=1e-5)


def _check(found: list[Detection], expected: list[Detection]) -> None:
    assert len(found) == len(expected)
    for face, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(face.box, other.box, atol=0.3 if EXACT else 3)
        assert face.score == pytest.approx(other.score, abs=0.01 if EXACT else 0.1)
        assert face.roll == other.roll


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Beside other processes torch is given fewer threads at times, with which sums differ in last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_a_batch_of_photos_equals_single_photos(photos: list[np.ndarray]) -> None:
    plain, on_device = MTCNNDetector(), MTCNNDetector()
    on_device._networks = Lazy(lambda: TorchNetworks(CPU, device_crops=True))
    assert isinstance(plain, BatchFaceDetector)
    assert plain.photos_at_a_time == 1
    single = [plain.detect(photo) for photo in photos]
    assert [bool(faces) for faces in single] == [True, False, True, True]
    for faces, together, by_device in zip(
        single, plain.detect_batch(photos), on_device.detect_batch(photos), strict=True
    ):
        assert [face.score for face in together] == [face.score for face in faces]
        if EXACT:  # Else a candidate may be on another side of a threshold.
            _check(by_device, faces)
    assert plain.detect_batch([]) == on_device.detect_batch([]) == []
