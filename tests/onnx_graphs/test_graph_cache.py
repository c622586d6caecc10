"""Graphs are made once, written whole, and named after their weights."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from face_alignment_3d.errors import BackendError
from face_alignment_3d.onnx_graphs import cache
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import PinnedWeights


class _Maker:
    """Counts how often the graph was made."""

    def __init__(self, content: bytes = b"graph") -> None:
        self.content, self.calls = content, 0

    def __call__(self) -> bytes:
        self.calls += 1
        return self.content


def _made(file: Path, make: Callable[[], bytes]) -> cache.Graph:
    return cache.made_once(file, make, command="make it")


def _kept(file: Path, make: Callable[[], bytes]) -> bytes:
    found = _made(file, make)
    assert found == file
    return file.read_bytes()


def test_made_once(tmp_path: Path) -> None:
    make, file = _Maker(), tmp_path / "onnx" / "a.onnx"
    assert [_kept(file, make) for _ in range(2)] == [b"graph"] * 2
    assert make.calls == 1
    assert sorted(path.name for path in file.parent.iterdir()) == ["a.onnx", "a.onnx.sha256"]


@pytest.mark.parametrize(
    "damage", ["truncated", "zeroed inside", "replaced", "no hash", "wrong hash", "hash of bytes"]
)
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: str) -> None:
    make, file = _Maker(b"graph" * 1000), tmp_path / "a.onnx"
    digest_file = tmp_path / "a.onnx.sha256"
    _made(file, make)
    content = file.read_bytes()
    if damage == "truncated":
        file.write_bytes(content[:100])
    elif damage == "zeroed inside":
        file.write_bytes(content[:400] + bytes(400) + content[800:])
    elif damage == "replaced":
        file.write_bytes(b"")
    elif damage == "no hash":
        digest_file.unlink()
    elif damage == "wrong hash":
        digest_file.write_text("0" * 64)
    else:
        digest_file.write_bytes(b"\xff\xfe")
    assert _kept(file, make) == content
    assert make.calls == 2
    assert _kept(file, make) == content
    assert make.calls == 2


def test_a_damaged_file_where_it_cannot_be_made(tmp_path: Path) -> None:
    def make() -> bytes:
        raise ImportError("No module named 'torch'")

    (tmp_path / "a.onnx").write_bytes(b"something")
    with pytest.raises(BackendError, match=r"is damaged, and making it needs torch .*with `make it`"):
        _made(tmp_path / "a.onnx", make)


def test_without_torch_the_error_says_what_to_do(tmp_path: Path) -> None:
    def make() -> bytes:
        raise ImportError("No module named 'torch'")

    with pytest.raises(BackendError, match=r"needs torch \(No module.*with `make it`"):
        cache.made_once(tmp_path / "a.onnx", make, command="make it")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    make = _Maker()
    with pytest.warns(RuntimeWarning, match=r"cannot keep .* set FACE_ALIGNMENT_3D_HOME .*`make it`"):
        assert _made(tmp_path / "file" / "a.onnx", make) == b"graph"


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="cannot keep .*No space left on device"):
        assert _made(tmp_path / "a.onnx", _Maker()) == b"graph"
    assert not list(tmp_path.iterdir())


def test_other_weights_have_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "face_alignment_3d.onnx_graphs.cascade_graph.cascade_graph", lambda path, sha256: path.read_bytes()
    )
    files = []
    for content in (b"one", b"two", b"one"):
        weights = tmp_path / "w.safetensors"
        weights.write_bytes(content)
        files.append(cache.cascade_graph_file(PinnedWeights(weights, sha256_of(weights))))
        assert isinstance(files[-1], Path)
        assert files[-1].read_bytes() == content
    assert files[0] == files[2] != files[1]
    assert {file.parent for file in files} == {tmp_path / "home" / "onnx"}
