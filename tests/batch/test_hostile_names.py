"""Names and lists of archives that are made to confuse: each picture once, or a failure that says why."""

import io
import os
import signal
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pytest

from face_alignment_3d.batch import archives
from face_alignment_3d.batch.items import as_key
from tests.batch import runs
from tests.batch.conftest import picture, rows
from tests.batch.runs import failures
from tests.batch.test_sources import keys, png, read, write_tar, write_video, write_zip

run = partial(runs.run, task_size=4)
pytestmark = pytest.mark.usefixtures("inline")
unix = pytest.mark.skipif(os.name == "nt", reason="needs names and signals of Unix")


@contextmanager
def seconds(most: int) -> Iterator[None]:
    """Raises TimeoutError when the block takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(most)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_no_two_names_have_one_key() -> None:
    names = [
        "\udcff.png",
        "\\udcff.png",
        "\\x5cudcff.png",
        "\\x5c.png",
        "\\.png",
        "a\\b.png",
        "\\\\udcff.png",
    ]
    found = [as_key(name) for name in names]
    assert len(set(found)) == len(names)
    assert found[0] == "\\udcff.png"
    assert found[4:6] == ["\\.png", "a\\b.png"]  # As a zip of Windows has them.
    for key in found:
        key.encode()


@unix
def test_a_name_that_is_no_utf8_beside_one_that_looks_like_its_key(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for width, name in ((20, b"\xff.png"), (30, b"\\udcff.png")):
        (tmp_path / "photos" / os.fsdecode(name)).write_bytes(png(width))
    run(tmp_path / "photos", tmp_path / "out")
    assert {row["image"]: row["width"] for row in rows(tmp_path / "out", "images")} == {
        "\\udcff.png": 20,
        "\\x5cudcff.png": 30,
    }
    faces = rows(tmp_path / "out", "faces")
    assert len({(face["image"], face["face"]) for face in faces}) == len(faces) == 5


def test_an_archive_and_a_folder_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store can have both; the member and the object would have the same key."""
    memory = fsspec.filesystem("memory")
    real = type(memory).ls

    def ls(self: Any, path: str, detail: bool = True, **options: Any) -> Any:
        if path != "/photos/a.zip":
            return real(self, path, detail=detail, **options)
        return [{"name": "/photos/a.zip/1.png", "type": "file", "size": len(png(30))}]  # As s3fs does.

    monkeypatch.setattr(type(memory), "ls", ls)
    memory.pipe("/photos/a.zip", write_zip(tmp_path / "a.zip", {"1.png": png(20)}).read_bytes())
    memory.pipe("/photos/other", png(30))
    memory.store["/photos/a.zip/1.png"] = memory.store.pop("/photos/other")
    memory.pipe("/photos/b.zip", write_zip(tmp_path / "b.zip", {"1.png": png(40)}).read_bytes())
    try:
        run("memory://photos", tmp_path / "out")
    finally:
        memory.store.clear()
        memory.pseudo_dirs[:] = [""]
    found = {row["image"]: row["width"] for row in rows(tmp_path / "out", "images")}
    assert found == {"a.zip/1.png": 30, "b.zip/1.png": 40}
    assert failures(tmp_path / "out") == {
        "a.zip": "an archive and a folder have this name; rename one of them"
    }


def _header(name: str, size: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar's header whose field of the size has these 12 bytes."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size
    block[148:156] = b"        "
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


_BACK = b"\xff" * 8 + struct.pack(">i", -512)
"""-512, as GNU's tar writes numbers below 0."""


@unix
@pytest.mark.parametrize(
    "kind", [tarfile.REGTYPE, b"?", tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE]
)
def test_a_tar_that_leads_back_to_where_it_was(tmp_path: Path, kind: bytes) -> None:
    whole = write_tar(tmp_path / "whole.tar", {"a.png": png(20)}).read_bytes()
    first = whole[: 512 + 512]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.tar").write_bytes(first + _header("b.png", _BACK, kind) + bytes(4096))
    with seconds(20):
        run(tmp_path / "photos", tmp_path / "out")
    assert [row["image"] for row in rows(tmp_path / "out", "images")] == ["a.tar/a.png"]
    assert set(failures(tmp_path / "out")) <= {"a.tar", "a.tar/b.png"}


def test_a_pax_header_with_a_size_below_zero(tmp_path: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, size in (("a.png", None), ("b.png", "-1024"), ("c.png", None)):
            info = tarfile.TarInfo(name)
            info.size = len(png(20))
            info.pax_headers = {} if size is None else {"size": size}
            archive.addfile(info, io.BytesIO(png(20)))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.tar").write_bytes(content.getvalue())
    with seconds(20):
        run(tmp_path / "photos", tmp_path / "out")
    found = {row["image"] for row in rows(tmp_path / "out", "images")}
    assert "a.tar/a.png" in found
    assert found | set(failures(tmp_path / "out")) <= {"a.tar", *(f"a.tar/{name}.png" for name in "abc")}


def test_a_zip_whose_list_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    write_zip(tmp_path / "photos" / "a.zip", {f"{index}.png": b"" for index in range(100)})
    write_zip(tmp_path / "photos" / "b.zip", {"b.png": png(20)})
    monkeypatch.setattr(archives, "_LARGEST_LIST", 1000)
    run(tmp_path / "photos", tmp_path / "out")
    assert [row["image"] for row in rows(tmp_path / "out", "images")] == ["b.zip/b.png"]
    assert "expected 1000 at most" in failures(tmp_path / "out")["a.zip"]


def test_links_in_a_zip_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", png(20))
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert read(tmp_path / "a.zip") == {"a.png": (8, 20)}


def test_a_zip_that_says_its_names_are_utf8_and_lies(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    archive = write_zip(tmp_path / "photos" / "a.zip", {"\N{LATIN SMALL LETTER E WITH ACUTE}.png": png(20)})
    archive.write_bytes(archive.read_bytes().replace("\xe9".encode(), b"\xff\xff"))
    picture(tmp_path / "photos" / "b.png")
    run(tmp_path / "photos", tmp_path / "out")
    assert [row["image"] for row in rows(tmp_path / "out", "images")] == ["b.png"]
    assert set(failures(tmp_path / "out")) == {"a.zip"}


def test_a_tar_with_names_that_are_no_utf8(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "b.tar", "w", encoding="utf-8", errors="surrogateescape") as other:
        for name, width in (("\udcff1.png", 20), ("\udcfe1.png", 30)):
            info = tarfile.TarInfo(name)
            info.size = len(png(width))
            other.addfile(info, io.BytesIO(png(width)))
    assert keys(tmp_path / "b.tar") == ["\\udcff1.png", "\\udcfe1.png"]
    run(tmp_path / "b.tar", tmp_path / "out")
    assert {row["image"]: row["width"] for row in rows(tmp_path / "out", "images")} == {
        "\\udcff1.png": 20,
        "\\udcfe1.png": 30,
    }


@pytest.mark.parametrize("kept", [0, 20, 200, 0.5, 0.7])
def test_an_mp4_that_is_cut_off_is_one_failure(tmp_path: Path, kept: float) -> None:
    """Its index lies at its end."""
    clip = write_video(tmp_path / "clip.mp4", 30).read_bytes()
    (tmp_path / "videos").mkdir()
    cut = clip[: int(kept if kept >= 1 else kept * len(clip))]
    (tmp_path / "videos" / "clip.mp4").write_bytes(cut)
    archive = write_tar(tmp_path / "videos" / "b.tar", {"clip.mp4": clip})
    archive.write_bytes(archive.read_bytes()[: 512 + len(cut)])
    run(tmp_path / "videos", tmp_path / "out", every=5)
    assert rows(tmp_path / "out", "images") == []
    found = failures(tmp_path / "out")
    assert set(found) - {"b.tar"} <= {"clip.mp4", "b.tar/clip.mp4"}
    assert "clip.mp4" in found
    assert all("mp4" in reason or "archive" in reason for reason in found.values())
