"""A writer that fails midway leaves what was there before, and nothing beside it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from face_alignment_3d.export import (
    LiveLinkFrame,
    PhotoFaces,
    write_csv,
    write_gltf,
    write_live_link_csv,
    write_openface_csv,
)
from tests.export.known_faces import known_face

_PHOTO = PhotoFaces("a.jpg", 480, 640, [known_face()])


def _gltf(path: Path, _: Any) -> None:
    write_gltf(path, [known_face(), known_face(-20)], height=480, width=640)


_WRITERS: list[tuple[Callable[[Path, Any], None], object]] = [
    (write_csv, _PHOTO),
    (write_openface_csv, _PHOTO),
    (write_live_link_csv, LiveLinkFrame(pose=known_face().pose)),
]


@pytest.mark.parametrize(("write", "item"), [*_WRITERS, (_gltf, None)])
def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, Any], None], item: object
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    target = tmp_path / "x"
    target.write_text("old")
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write(target, [item])
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "old"


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize(("write", "item"), [*_WRITERS, (_gltf, None)])
def test_a_disk_that_fills_up_is_told_with_the_name_of_the_file(
    tmp_path: Path, write: Callable[[Path, Any], None], item: object
) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        with pytest.raises(OSError, match="File too large") as caught:
            write(tmp_path / "x", [item])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("write", "item"), _WRITERS)
def test_a_source_that_breaks_off(tmp_path: Path, write: Callable[[Path, Any], None], item: object) -> None:
    def items() -> Iterator[object]:
        yield item
        raise RuntimeError("no more")

    target = tmp_path / "x"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="no more"):
        write(target, items())
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "old"
