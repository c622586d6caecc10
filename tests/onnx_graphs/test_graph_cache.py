"""Graphs are made once, whole, and under a name that is theirs alone."""

from pathlib import Path

import pytest

from face_alignment_3d.errors import BackendError, WeightsError
from face_alignment_3d.onnx_graphs import cache


def test_made_once(tmp_path: Path) -> None:
    calls = []

    def make() -> bytes:
        calls.append(1)
        return b"graph"

    file = tmp_path / "onnx" / "a.onnx"
    for _ in range(2):
        assert cache.made_once(file, make, command="make it").read_bytes() == b"graph"
    assert len(calls) == 1
    assert [path.name for path in file.parent.iterdir()] == ["a.onnx"]


def test_without_torch_the_error_says_what_to_do(tmp_path: Path) -> None:
    def make() -> bytes:
        raise ImportError("No module named 'torch'")

    with pytest.raises(BackendError, match=r"needs torch \(No module.*with `make it`"):
        cache.made_once(tmp_path / "a.onnx", make, command="make it")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match=r"cannot write .* set FACE_ALIGNMENT_3D_HOME"):
        cache.made_once(tmp_path / "file" / "a.onnx", lambda: b"graph", command="make it")


def test_other_weights_have_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "face_alignment_3d.onnx_graphs.cascade_graph.cascade_graph", lambda path: path.read_bytes()
    )
    files = []
    for content in (b"one", b"two", b"one"):
        weights = tmp_path / "w.safetensors"
        weights.write_bytes(content)
        files.append(cache.cascade_graph_file(weights))
        assert files[-1].read_bytes() == content
    assert files[0] == files[2] != files[1]
    assert files[0].parent == tmp_path / "home" / "onnx"
