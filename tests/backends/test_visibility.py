"""Weights that tell which points can be seen, in both runtimes and in faces; and weights that do not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from face_alignment_3d import FaceAligner3D, VideoAligner3D
from face_alignment_3d.backends.onnx_backend import OnnxBackend
from face_alignment_3d.backends.torch_backend import TorchBackend
from face_alignment_3d.crop import box_around
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.face import VISIBLE_FROM, Face3D
from face_alignment_3d.networks.presets import lite
from face_alignment_3d.onnx_graphs.cascade_graph import cascade_graph
from face_alignment_3d.onnx_graphs.metadata import GRAPH_VERSION
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.weights.loading import load_cascade, save_cascade

BOX = [20.0, 30, 150, 160]


def _random_weights(path: Path, *, visibility: bool) -> Path:
    torch.manual_seed(0)
    cascade = lite().eval()
    assert cascade.visibility is not None
    torch.nn.init.normal_(cascade.visibility.local_weight)
    if not visibility:
        cascade.visibility = None
    save_cascade(cascade, path, preset="lite", metadata={})
    return path


@pytest.fixture(scope="module")
def with_it(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _random_weights(tmp_path_factory.mktemp("weights") / "with.safetensors", visibility=True)


@pytest.fixture(scope="module")
def graph(with_it: Path) -> Path:
    file = with_it.with_suffix(".onnx")
    file.write_bytes(cascade_graph(with_it))
    return file


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 128, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def expected(with_it: Path, crops: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        *_, visibility = load_cascade(with_it)(torch.from_numpy(crops).permute(0, 3, 1, 2))
    assert visibility.shape == (7, 66)
    assert 0.01 < visibility.min() < 0.45 < 0.55 < visibility.max() < 0.99  # Else there is little to compare.
    return visibility.numpy()


def test_torch_gives_what_the_cascade_says(with_it: Path, crops: np.ndarray, expected: np.ndarray) -> None:
    found = TorchBackend(with_it, device="cpu").run(crops).visibility
    assert found is not None
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2])  # With two, the batch is shared out and put together again.
def test_onnx_gives_what_the_cascade_says(
    graph: Path, crops: np.ndarray, expected: np.ndarray, threads: int
) -> None:
    found = OnnxBackend(graph, device="cpu", threads=threads).run(crops).visibility
    assert found is not None
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_sixteen_bits_stay_near(with_it: Path, crops: np.ndarray, expected: np.ndarray) -> None:
    found = TorchBackend(with_it, device="cpu", dtype="bfloat16").run(crops).visibility
    assert found is not None
    assert np.median(np.abs(found - expected)) < 0.05


def test_faces_have_it_in_both_runtimes(with_it: Path, graph: Path) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    (by_torch,) = FaceAligner3D(with_it, device="cpu").detect(photo, boxes=[BOX])
    (by_onnx,) = FaceAligner3D(graph, device="cpu", threads=1).detect(photo, boxes=[BOX])
    for face in (by_torch, by_onnx):
        assert face.visibility is not None
        assert (face.visibility.shape, face.visibility.dtype) == ((66,), np.float32)
        assert face.visibility.min() >= 0
        assert face.visibility.max() <= 1
    np.testing.assert_allclose(by_torch.visibility, by_onnx.visibility, atol=1e-3)
    assert 0 < (by_torch.visibility >= VISIBLE_FROM).sum() < 66


def test_faces_of_a_batch_keep_their_own(with_it: Path) -> None:
    photos = np.random.default_rng(2).integers(0, 256, (3, 200, 200, 3), dtype=np.uint8)
    aligner = FaceAligner3D(with_it, device="cpu")
    together = aligner.detect_batch(photos, boxes=[[BOX], [], [BOX, BOX]])
    for photo, boxes, faces in zip(photos, ([BOX], [], [BOX, BOX]), together, strict=True):
        for face, single in zip(faces, aligner.detect(photo, boxes=boxes), strict=True):
            np.testing.assert_allclose(face.visibility, single.visibility, atol=1e-4)


def test_tracked_faces_have_it() -> None:
    visibility = np.linspace(0, 1, 66, dtype=np.float32)

    class Aligner:
        def detect(self, image: np.ndarray, *, boxes: np.ndarray | None = None) -> list[Face3D]:
            points = (60 * MEAN_FACE + [160, 100, 0]).astype(np.float32)
            return [
                Face3D(points, np.full(66, 0.9, np.float32), box_around(points), 0.9, visibility=visibility)
            ]

        def detect_batch(
            self, images: list[np.ndarray], *, boxes: list[np.ndarray] | None = None
        ) -> list[list[Face3D]]:
            return [self.detect(image) for image in images]

    tracker = VideoAligner3D(Aligner())  # type: ignore[arg-type]
    for index in range(3):
        (face,) = tracker.track(np.full((240, 320, 3), 90, np.uint8), time=index / 30)
        np.testing.assert_array_equal(face.visibility, visibility)


def test_weights_without_it_give_none(tmp_path: Path, crops: np.ndarray) -> None:
    without = _random_weights(tmp_path / "without.safetensors", visibility=False)
    assert TorchBackend(without, device="cpu").run(crops).visibility is None
    file = tmp_path / "without.onnx"
    file.write_bytes(cascade_graph(without))
    backend = OnnxBackend(file, device="cpu", threads=2)
    assert backend.run(crops).visibility is None
    assert backend.run(crops[:1]).visibility is None


def test_graphs_of_the_version_before_are_refused(graph: Path, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(graph)
    for entry in model.metadata_props:
        if entry.key == "graph_version":
            assert entry.value == GRAPH_VERSION
            entry.value = str(int(GRAPH_VERSION) - 1)
    onnx.save(model, tmp_path / "old.onnx")
    with pytest.raises(WeightsError, match=r"graph version '2' .* make it again"):
        OnnxBackend(tmp_path / "old.onnx", device="cpu").run(np.zeros((1, 128, 128, 3), np.uint8))
