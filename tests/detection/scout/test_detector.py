"""ScoutDetector in torch and ONNX Runtime, with random weights."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.cli import main
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.detection.scout.detector import ScoutDetector, detections
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.search import Found
from face_alignment_3d.detection.scout.weights_file import save_scout
from face_alignment_3d.errors import BackendError, ImageError, WeightsError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights that see a few faces in any photo."""
    torch.manual_seed(0)
    network = ScoutNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            torch.nn.init.normal_(module.running_mean, std=0.1)
    with torch.no_grad():
        network.output.weight *= 3
        network.output.bias[0] = -1.0  # type: ignore[index]
    path = tmp_path_factory.mktemp("scout") / "scout.safetensors"
    save_scout(network.eval(), path, metadata={})
    return path


@pytest.fixture(scope="module")
def graph(weights: Path) -> Path:
    file = weights.with_name("made.onnx")
    assert main(["export", "onnx", str(weights), "-o", str(file)]) == 0
    return file


def _place(detection: Detection) -> list[float]:
    return np.round(detection.box).tolist()


@pytest.mark.parametrize("size", [(512, 512), (300, 400), (31, 45), (1, 1), (700, 60)])
def test_both_runtimes_find_the_same(weights: Path, graph: Path, size: tuple[int, int]) -> None:
    photo = np.ascontiguousarray(np.resize(skimage.data.astronaut(), (*size, 3)))
    expected = ScoutDetector(weights=weights, threshold=0.05).detect(photo)
    found = ScoutDetector(backend="onnx", graph=graph, threads=1, threshold=0.05).detect(photo)
    assert len(found) == len(expected)
    # Random weights give scores so alike that rounding decides the order.
    for one, other in zip(sorted(found, key=_place), sorted(expected, key=_place), strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=0.02)
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert one.roll == pytest.approx(other.roll, abs=1e-3)


def test_some_are_found_at_all(weights: Path) -> None:
    found = ScoutDetector(weights=weights, threshold=0.05).detect(skimage.data.astronaut())
    assert found
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_pickles_and_copies_load_anew(weights: Path, graph: Path) -> None:
    photo = np.asarray(skimage.data.astronaut())
    for detector in (
        ScoutDetector(weights=weights, threshold=0.05),
        ScoutDetector(backend="onnx", graph=graph, threads=1, threshold=0.05),
    ):
        expected = sorted(one.box.tolist() for one in detector.detect(photo))
        pickled = pickle.dumps(detector)
        assert len(pickled) < 3000
        for other in (pickle.loads(pickled), copy.deepcopy(detector)):
            found = sorted(one.box.tolist() for one in other.detect(photo))
            np.testing.assert_allclose(found, expected, atol=1e-3)


def test_what_is_not_meant_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_side must be None or at least 32"):
        ScoutDetector(weights=weights, max_side=10)
    with pytest.raises(ValueError, match="min_face_size must be None or at least 5 pixels; got 2"):
        ScoutDetector(weights=weights, min_face_size=2)
    with pytest.raises(ValueError, match="threshold must lie between 0 and 1"):
        ScoutDetector(weights=weights, threshold=1.0)
    with pytest.raises(BackendError, match="backend must be 'torch' or 'onnx'"):
        ScoutDetector(weights=weights, backend="tvm")  # type: ignore[arg-type]
    with pytest.raises(BackendError, match="graph and threads are for backend 'onnx'"):
        ScoutDetector(weights=weights, threads=2)
    with pytest.raises(WeightsError, match="no ONNX file"):
        ScoutDetector(backend="onnx", graph=tmp_path / "none.onnx")
    with pytest.raises(WeightsError, match="of kind 'cascade'; here 'scout'"):
        ScoutDetector(weights="lite")
    with pytest.raises(WeightsError, match="no weight file"):
        ScoutDetector(weights=tmp_path / "none.safetensors")
    with pytest.raises(ImageError, match="uint8 RGB"):
        ScoutDetector(weights=weights).detect(np.zeros((9, 9), np.uint8))


def test_a_graph_of_another_network_is_refused(lite_graph: Path) -> None:
    detector = ScoutDetector(backend="onnx", graph=lite_graph, threads=1)
    with pytest.raises(WeightsError, match="face-alignment-3d onnx scout"):
        detector.load()


def test_several_photos_give_what_each_gives_alone(weights: Path) -> None:
    photo = np.asarray(skimage.data.astronaut())
    photos = [photo, np.ascontiguousarray(photo[:, ::-1]), photo[:300, :200], photo[:40, :40], photo]
    detector = ScoutDetector(weights=weights, threshold=0.05)
    together = detector.detect_batch(photos)
    assert len(together) == len(photos)
    for image, found in zip(photos, together, strict=True):
        alone = detector.detect(np.ascontiguousarray(image))
        assert len(found) == len(alone)
        for one, other in zip(sorted(found, key=_place), sorted(alone, key=_place), strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.01)
    assert detector.detect_batch([]) == []
    assert detector.photos_at_a_time == 1


def test_certain_faces_that_hardly_lean_are_level() -> None:
    boxes = OrientedBoxes(np.full((4, 2), 50.0), np.full((4, 2), 40.0), np.array([0.1, 0.1, 0.3, -3.1]))
    found = detections(Found(boxes, np.array([0.9, 0.7, 0.9, 0.9])))
    np.testing.assert_allclose([face.roll for face in found], [0, 0.1, 0.3, -3.1])


def test_the_box_of_a_face_gives_its_landmarks_again() -> None:
    photo = np.asarray(skimage.data.astronaut())
    aligner = FaceAligner3D("nano", backend="onnx", device="cpu")
    (face,) = aligner.detect(photo)
    np.testing.assert_array_equal(aligner.get_landmarks(photo, boxes=[face.box])[0], face.landmarks)
