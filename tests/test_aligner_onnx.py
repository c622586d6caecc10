"""The aligner in ONNX Runtime, and without torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.weights.store import PinnedWeights

BOX = [179.0, 90, 268, 178]
#: Crop pixels; her crop has about one pixel of the photo for each.
TOLERANCE = 0.02


@pytest.fixture(scope="module")
def aligner(lite_graph: Path, detector_graphs_folder: Path) -> FaceAligner3D:
    detector = MTCNNDetector(backend="onnx", graphs=detector_graphs_folder, threads=1)
    return FaceAligner3D(lite_graph, device="cpu", threads=1, detector=detector)


@pytest.fixture(scope="module")
def by_torch() -> FaceAligner3D:
    return FaceAligner3D("lite", backend="torch", device="cpu", detector="mtcnn")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(skimage.data.astronaut())


def test_landmarks_are_those_of_torch(
    aligner: FaceAligner3D, by_torch: FaceAligner3D, photo: np.ndarray
) -> None:
    for boxes in ([BOX], [BOX, [100, 50, 300, 260]], None):
        expected = by_torch.get_landmarks(photo, boxes=boxes)
        found = aligner.get_landmarks(photo, boxes=boxes)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=2 * TOLERANCE, rtol=0)


def test_a_batch_equals_single_calls(aligner: FaceAligner3D, photo: np.ndarray) -> None:
    images = [photo, photo[50:300, 100:400], photo[:, ::-1]]
    boxes = [[BOX], np.zeros((0, 4)), [[240, 90, 330, 178], BOX]]
    batch = aligner.get_landmarks_batch(images, boxes=boxes)
    for image, box, landmarks in zip(images, boxes, batch, strict=True):
        np.testing.assert_allclose(aligner.get_landmarks(image, boxes=box), landmarks, atol=1e-3)


def test_threads_that_share_a_batch_give_what_one_gives(
    aligner: FaceAligner3D, lite_graph: Path, photo: np.ndarray
) -> None:
    shared = FaceAligner3D(lite_graph, device="cpu", threads=2)
    boxes = [BOX, [240, 90, 330, 178], [100, 50, 300, 260], [150, 70, 300, 230], [-20, 60, 150, 240]]
    expected = np.concatenate([aligner.get_landmarks(photo, boxes=[box]) for box in boxes])
    # Crops of arrays wait until a thread takes them, those of other images do not.
    np.testing.assert_allclose(shared.get_landmarks(photo, boxes=boxes), expected, atol=1e-3)
    photos = [photo, Image.fromarray(photo), photo, np.float32(photo) / 255, photo]
    for batch_size in (2, 4, 32):
        found = shared.get_landmarks_batch(photos, boxes=[[box] for box in boxes], batch_size=batch_size)
        np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-3)


def test_it_says_what_it_is(aligner: FaceAligner3D, by_torch: FaceAligner3D) -> None:
    assert (aligner.backend, aligner.device) == ("onnx", "cpu")
    assert (by_torch.backend, by_torch.device) == ("torch", "cpu")


def test_names_of_the_manifest_use_the_cache(
    lite_graph: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray, aligner: FaceAligner3D
) -> None:
    asked = []

    def graph_file(weights: PinnedWeights) -> Path:
        asked.append(weights.path.name)
        return lite_graph

    monkeypatch.setattr("face_alignment_3d.onnx_graphs.cache.cascade_graph_file", graph_file)
    by_name = FaceAligner3D("lite", backend="onnx", device="cpu", threads=1)
    assert asked == []
    by_name.load(detector=False)
    assert asked == ["lite.safetensors"]
    np.testing.assert_array_equal(
        by_name.get_landmarks(photo, boxes=[BOX]), aligner.get_landmarks(photo, boxes=[BOX])
    )


def test_torch_is_never_imported(
    lite_graph: Path, detector_graphs_folder: Path, tmp_path: Path, photo: np.ndarray
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    code = f"""
import json, sys
sys.modules["torch"] = None  # Importing it would raise.
from face_alignment_3d import FaceAligner3D
from face_alignment_3d.detection.mtcnn import MTCNNDetector
detector = MTCNNDetector(backend="onnx", graphs={str(detector_graphs_folder)!r})
aligner = FaceAligner3D({str(lite_graph)!r}, detector=detector)
given = aligner.get_landmarks({str(tmp_path / "photo.png")!r}, boxes=[{BOX}])
found = aligner.get_landmarks({str(tmp_path / "photo.png")!r})
streamed = [item.error for item in aligner.align_many([{str(tmp_path / "photo.png")!r}])]
heavy = [name for name in sys.modules if name.split(".")[0] in ("torchvision", "facenet_pytorch", "onnx")]
print(json.dumps([given.shape, found.shape, streamed, sys.modules["torch"], heavy]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[1, 66, 3], [1, 66, 3], [None], None, []]


def test_boxes_alone_leave_torch_out_of_sys_modules(lite_graph: Path) -> None:
    code = f"""
import sys
import numpy as np
from face_alignment_3d import FaceAligner3D
aligner = FaceAligner3D({str(lite_graph)!r})
print(aligner.get_landmarks(np.zeros((99, 99, 3), np.uint8), boxes=[[9, 9, 90, 90]]).shape)
sys.exit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "(1, 66, 3)\n"), done.stderr
