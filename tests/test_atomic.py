"""A file is there whole or not at all, whatever it is called and whatever the disk says."""

import os
import stat
import sys
from pathlib import Path

import pytest

from face_alignment_3d.atomic import write_atomically


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_written_and_replaced(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.txt", b"one")
    write_atomically(tmp_path / "a.txt", b"two")
    assert (tmp_path / "a.txt").read_bytes() == b"two"
    assert _names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("name", ["n" * 255, "\N{CJK UNIFIED IDEOGRAPH-732B}" * 85])
def test_names_as_long_as_names_may_be(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, b"one")
    assert (tmp_path / name).read_bytes() == b"one"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "a", b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("name", ["missing/a.txt", "file/a.txt", "folder", "n" * 256])
def test_errors_name_the_file_and_leave_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as caught:  # noqa: PT011
        write_atomically(tmp_path / name, b"one")
    assert caught.value.filename == str(tmp_path / name)
    assert _names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk(tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_atomically(tmp_path / "a.bin", b"old")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match=r"File too large: .*a\.bin"):
            write_atomically(tmp_path / "a.bin", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert _names(tmp_path) == ["a.bin"]


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.txt", b"one")
    assert _names(tmp_path) == []
