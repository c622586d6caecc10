"""Whatever is not installed is named, with what to install, by one of the library's own errors."""

import subprocess
import sys
from pathlib import Path

import pytest

from face_alignment_3d.errors import BackendError
from face_alignment_3d.optional import optional_import, requirement

_WITHOUT_TORCH = ("torch", "torchvision", "facenet_pytorch", "skimage")
_HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def _run(code: str, *hidden: str) -> "subprocess.CompletedProcess[str]":
    script = _HIDE.format(hidden=hidden) + code
    root = Path(__file__).parent.parent
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root)


@pytest.mark.parametrize(
    "code",
    [
        "import face_alignment_3d.export",
        "from face_alignment_3d import VideoAligner3D",
        "from face_alignment_3d.blendshapes import BlendshapeEstimator",
        "from face_alignment_3d.pose import *; from face_alignment_3d.pose.mean_face import MEAN_FACE;"
        "solve_perspective(80 * MEAN_FACE + [256, 256, 0], Camera.assumed(height=512, width=512))",
    ],
)
def test_without_torch_it_works(code: str) -> None:
    done = _run(code, *_WITHOUT_TORCH)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import face_alignment_3d.export",
        "from face_alignment_3d import VideoAligner3D",
        "from face_alignment_3d.blendshapes import BlendshapeEstimator",
    ],
)
def test_imports_need_neither_weights_reader_nor_scipy(code: str) -> None:
    done = _run(code, *_WITHOUT_TORCH, "safetensors", "scipy")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "hidden", "message"),
    [
        ("export onnx lite -o {tmp}/lite.onnx", _WITHOUT_TORCH, "torch"),
        ("export onnx mtcnn -o {tmp}", _WITHOUT_TORCH, "torch"),
        ("export onnx mtcnn -o {tmp}", ("facenet_pytorch",), "facenet_pytorch"),
        ("export onnx lite -o {tmp}/lite.onnx", ("onnxscript",), "onnxscript"),
        ("train lite --data {tmp} --out {tmp}/run", _WITHOUT_TORCH, "torch"),
        ("evaluate --data {tmp}", _WITHOUT_TORCH, "torch"),
        ("video {tmp}/clip.mp4 -o {tmp}/out.mp4", ("av",), "av"),
    ],
)
def test_commands_name_what_is_missing(
    tmp_path: Path, command: str, hidden: tuple[str, ...], message: str
) -> None:
    (tmp_path / "clip.mp4").touch()
    arguments = command.format(tmp=tmp_path).split()
    done = _run(f"from face_alignment_3d.cli import main; sys.exit(main({arguments!r}))", *hidden)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert f"needs {message}, which cannot be imported here" in done.stderr
    assert "`pip install 'face-alignment-3d" in done.stderr


@pytest.mark.parametrize(
    ("call", "hidden"),
    [
        ("FaceAligner3D(backend='torch')", "torch"),
        ("FaceAligner3D(backend='onnx')", "onnxruntime"),
        ("MTCNNDetector(backend='torch').detect(numpy.zeros((64, 64, 3), 'u1'))", "torch"),
        ("VMCSender()", "pythonosc"),
    ],
)
def test_calls_raise_a_backend_error(call: str, hidden: str) -> None:
    code = f"""
import numpy
from face_alignment_3d import BackendError, FaceAligner3D
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.export.vmc import VMCSender
try:
    {call}
except BackendError as error:
    print(error)
"""
    done = _run(code, hidden)
    assert f"needs {hidden}, which" in done.stdout, done.stderr


def test_other_errors_pass() -> None:
    with pytest.raises(ImportError, match="face_alignment_3d"), optional_import("this"):
        from face_alignment_3d.errors import NoSuchError  # type: ignore[attr-defined]  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), optional_import("this"):
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401
    with pytest.raises(KeyError), optional_import("this"):
        raise KeyError


def test_a_module_that_cannot_be_loaded() -> None:
    pattern = r"this needs onnxruntime, .*libcudart.*pip install 'face-alignment-3d\[onnx\]'"
    with pytest.raises(BackendError, match=pattern), optional_import("this"):
        raise ImportError("libcudart.so.12: cannot open", name="onnxruntime.capi._pybind_state")


@pytest.mark.parametrize(
    ("installed", "extra", "expected"),
    [
        (False, "video", "face-alignment-3d[video]"),
        (False, "", "face-alignment-3d"),
        (True, "video", "face-alignment-3d-onnx[video]"),
        (True, "", "face-alignment-3d-onnx"),
        (True, "train", "face-alignment-3d[train]"),
        (True, None, "face-alignment-3d"),
    ],
)
def test_the_distribution_that_is_installed_is_the_one_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool, extra: str | None, expected: str
) -> None:
    folder = tmp_path / "face_alignment_3d_onnx-1.dist-info"
    if installed:
        folder.mkdir()
        lines = (
            "Metadata-Version: 2.4",
            "Name: face-alignment-3d-onnx",
            "Version: 1",
            "Provides-Extra: video",
        )
        (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert requirement(extra) == expected
