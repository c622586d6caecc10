"""Odd paths are files that are not there, wherever a user may name a model or a weight file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.backends.onnx_backend import OnnxBackend
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.scout.weights_file import load_scout
from face_alignment_3d.detection.yunet import YuNetDetector
from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.paths import expanded, is_file

#: Without its ending: too long; with a null byte; of a user who does not exist; below a file; not UTF-8.
NAMES = ("x" * 5000, "a\0b", "~nobody-of-that-name/x", f"{__file__}/x", "x\udcff")
_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "cascade, torch": (".safetensors", lambda name: FaceAligner3D(weights=name, backend="torch")),
    "cascade, ONNX Runtime": (".safetensors", lambda name: FaceAligner3D(weights=name, backend="onnx")),
    "graph": (".onnx", OnnxBackend),
    "graphs of MTCNN": ("", lambda name: MTCNNDetector(backend="onnx", graphs=name)),
    "blendshapes": (".safetensors", BlendshapeEstimator),
    "scout": (".safetensors", lambda name: load_scout(Path(name))),
    "YuNet": (".onnx", YuNetDetector),
}


@pytest.mark.parametrize("name", NAMES, ids=["long", "null", "nobody", "below a file", "not UTF-8"])
@pytest.mark.parametrize(("ending", "read"), _READERS.values(), ids=_READERS)
def test_odd_paths_have_no_file(ending: str, read: Callable[[str], object], name: str) -> None:
    with pytest.raises(FaceAlignmentError, match=r"no |not |cannot "):
        read(f"{name}{ending}")


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "x.onnx").touch()
    assert expanded("~/x.onnx") == tmp_path / "x.onnx"
    assert is_file(expanded("~/x.onnx"))
    assert expanded("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
