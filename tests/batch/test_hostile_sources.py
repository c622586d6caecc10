"""Sources that are damaged, or made to do harm: a right result or an error of ours for each image."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pytest

from face_alignment_3d.batch import open_archives
from face_alignment_3d.batch import reading as reading_module
from face_alignment_3d.batch.items import Item
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.errors import BatchError, ImageError
from tests.batch import runs
from tests.batch.conftest import files_in, picture, rows
from tests.batch.runs import failures
from tests.batch.test_sources import items, keys, png, read, write_tar, write_video, write_zip

run = partial(runs.run, task_size=4)
pytestmark = pytest.mark.usefixtures("inline")
unix = pytest.mark.skipif(os.name == "nt", reason="needs files of Unix")


def images(destination: Path) -> dict[str, int]:
    """Key -> width."""
    return {row["image"]: row["width"] for row in rows(destination, "images")}


ODD_NAMES = {
    **{"../../up.png": png(20), "/etc/absolute.png": png(21), "C:\\drive\\back.png": png(22)},
    **{"new\nline.png": png(23), "quote'\".png": png(24), "\N{GRINNING FACE}.png": png(25)},
    **{"-rf.png": png(26), "a::b.png": png(27), "s3:__c%20d#?.png": png(28), "./dot.png": png(29)},
}


@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_names_in_archives_are_keys_and_nothing_else(
    tmp_path: Path, write: Callable[[Path, dict[str, bytes]], Path]
) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    archive = write(folder / ("a.zip" if write is write_zip else "a.tar"), ODD_NAMES)
    assert run(archive, folder / "out").complete
    assert images(folder / "out") == {name: 20 + index for index, name in enumerate(ODD_NAMES)}
    assert {path.name for path in folder.iterdir()} == {archive.name, "out"}
    assert {path.name for path in tmp_path.rglob("*.png")} == set()


@unix
@pytest.mark.parametrize("name", ["a::b", "s3:photos", "[x]*", " spaces and\nlines "])
def test_folders_with_names_like_urls_and_patterns(tmp_path: Path, name: str) -> None:
    for index in range(3):
        picture(tmp_path / name / f"{index}.png", width=10 + index)
    assert run(tmp_path / name, tmp_path / f"to {name}").complete
    assert images(tmp_path / f"to {name}") == {f"{index}.png": 10 + index for index in range(3)}
    assert run(tmp_path / name, tmp_path / f"to {name}").before.images == 3


def test_a_broken_member_of_a_shard_is_one_failure(tmp_path: Path) -> None:
    members = {f"{index}.png": png(20 + index) for index in range(6)}
    members |= {"2.png": png(22)[:40], "3.png": b"", "4.png": b"no picture"}
    run(write_tar(tmp_path / "a.tar", members), tmp_path / "out")
    assert images(tmp_path / "out") == {"0.png": 20, "1.png": 21, "5.png": 25}
    assert set(failures(tmp_path / "out")) == {"2.png", "3.png", "4.png"}


def test_of_zip_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", png(20))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.png", png(30))
    assert read(tmp_path / "a.zip") == {"a.png": (8, 30)}


def test_hard_links_in_a_tar_are_the_pictures_that_they_link_to(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (
            ("a.png", tarfile.REGTYPE),
            ("b.png", tarfile.LNKTYPE),
            ("c.png", tarfile.LNKTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a.png" if name == "b.png" else "nowhere.png"
            info.size = len(png(20)) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(png(20)) if info.size else None)
    assert read(tmp_path / "a.tar") == {"a.png": (8, 20), "b.png": (8, 20)}


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    archive = write_tar(tmp_path / "a.tar", {"a.png": png(20)})
    first = archive.read_bytes()[:-10240] if archive.stat().st_size > 10240 else archive.read_bytes()
    content = first.rstrip(b"\0")
    content += bytes(-len(content) % 512)
    archive.write_bytes(content + header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    found = read(archive)
    assert found.pop("a.png") == (8, 20)
    (message,) = found.values()
    assert "a header of 4294967296 bytes" in str(message)


def _claim(archive: Path, size: int) -> None:
    """Writes another unpacked size into the headers of a zip's only member."""
    content = bytearray(archive.read_bytes())
    for at in (22, content.index(b"PK\x01\x02") + 24):
        content[at : at + 4] = size.to_bytes(4, "little")
    archive.write_bytes(content)


@pytest.mark.parametrize(
    ("size", "message"), [(1 << 30, "1024 MiB; expected at most 512"), (100, "in its archive: Bad CRC-32")]
)
def test_a_bomb_in_a_zip_is_one_failure(tmp_path: Path, size: int, message: str) -> None:
    (tmp_path / "photos").mkdir()
    archive = write_zip(tmp_path / "photos" / "a.zip", {"zeros.png": bytes(1 << 24)})
    _claim(archive, size)
    picture(tmp_path / "photos" / "b.png")
    run(tmp_path / "photos", tmp_path / "out")
    assert images(tmp_path / "out") == {"b.png": 12}
    assert message in failures(tmp_path / "out")["a.zip/zeros.png"]


def test_a_video_that_does_not_fit_the_temporary_folder_is_not_unpacked(tmp_path: Path) -> None:
    item = Item("a.mp4", str(tmp_path / "a.zip"), 1 << 60, "a.mp4")
    with (
        ItemReader(str(tmp_path)) as reader,
        pytest.raises(ImageError, match="set TMPDIR"),
        reader.local_file(item),
    ):
        pass


@unix
def test_a_tar_that_does_not_fit_the_temporary_folder_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    tries = 0

    def readable(file: object) -> Iterator[bytes]:
        nonlocal tries
        tries += 1
        yield bytes(1 << 20)

    archive = write_tar(tmp_path / "a.tar.gz", {f"{index}.png": png(20) for index in range(5)}, "w:gz")
    monkeypatch.setattr(open_archives, "_readable", readable)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        found = read(archive)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(found) == 5
    assert all("File too large" in str(message) for message in found.values())
    assert tries == 1


@pytest.mark.parametrize("ending", ["tar.xz", "tar.bz2", "tar.gz"])
def test_a_compressed_tar_that_is_damaged_in_its_middle(tmp_path: Path, ending: str) -> None:
    noise = os.urandom(1 << 16)
    members = {"a.png": png(20), "b.png": noise, "c.mp4": noise, "d.png": png(30)}
    (tmp_path / "photos").mkdir()
    archive = write_tar(tmp_path / "photos" / f"a.{ending}", members, f"w:{ending[4:]}")
    whole = items(tmp_path / "photos", videos=True)
    content = bytearray(archive.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 64] = bytes(64)
    archive.write_bytes(content)
    assert run(tmp_path / "photos", tmp_path / "out", every=1).complete
    named = failures(tmp_path / "out")
    # In gzip the checksum comes last; what is read before it is right, or no picture.
    assert ending == "tar.gz" or any("damaged" in reason for reason in named.values())
    assert set(named) <= {f"a.{ending}", *(item.key for item in whole)}


def test_a_video_that_is_cut_short_gives_its_frames_and_a_failure(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "photos.mkv", 60)
    content = clip.read_bytes()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "clip.mkv").write_bytes(content[: len(content) // 2])
    picture(tmp_path / "photos" / "z.png")
    assert run(tmp_path / "photos", tmp_path / "out", every=5).complete
    found = images(tmp_path / "out")
    assert found.pop("z.png") == 12
    assert 0 < len(found) < 12
    assert [f"clip.mkv#{5 * index}" for index in range(len(found))] == list(found)
    assert set(failures(tmp_path / "out")) == {"clip.mkv"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_an_archive_without_pictures(tmp_path: Path, name: str) -> None:
    archive = tmp_path / name
    if name == "a.zip":
        write_zip(archive, {"a.txt": b"text"})
    else:
        write_tar(archive, {"a.txt": b"text"}, "w:gz" if name == "a.tar.gz" else "w")
    with pytest.raises(BatchError, match="the source has no pictures"):
        run(archive, tmp_path / "out")


def test_an_empty_file_that_is_called_like_an_archive(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.zip", "b.tar", "c.tgz"):
        (tmp_path / "photos" / name).write_bytes(b"")
    picture(tmp_path / "photos" / "d.png")
    run(tmp_path / "photos", tmp_path / "out")
    assert images(tmp_path / "out") == {"d.png": 12}
    assert set(failures(tmp_path / "out")) <= {"a.zip", "b.tar", "c.tgz"}
    assert "a.zip" in failures(tmp_path / "out")


@unix
def test_links_to_themselves_and_pipes_do_not_hang(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    picture(folder / "a.png")
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe.png", "pipe.tar", "pipe.mp4"):
        (folder / name).symlink_to(tmp_path / "pipe")
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "other").symlink_to(folder / "sub")
    run(folder, tmp_path / "out", every=1)
    assert images(tmp_path / "out") == {"a.png": 12}
    assert set(failures(tmp_path / "out")) == {"loop.png", "pipe.png", "pipe.tar", "pipe.mp4"}


def test_folders_of_any_depth() -> None:
    memory = fsspec.filesystem("memory")
    deep = "/".join(["photos", *("d" * 1200)])
    memory.pipe(f"/{deep}/a.png", png(20))
    try:
        assert keys("memory://photos") == [f"{deep.removeprefix('photos/')}/a.png"]
    finally:
        memory.store.clear()
        memory.pseudo_dirs[:] = [""]


def test_a_source_that_may_not_be_opened(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: str = ".") -> object:  # Root may enter every folder.
        raise PermissionError(13, "Permission denied", str(path))

    for function in ("scandir", "listdir"):  # fsspec took the second before 2024.
        monkeypatch.setattr(os, function, closed)
    with pytest.raises(BatchError, match=r"cannot open the source .*album: Permission denied"):
        items(album)


def test_a_destination_inside_the_source(album: Path) -> None:
    assert run(album, album / "out").complete
    before = files_in(album / "out")
    assert run(album, album / "out").before.images == 40
    assert files_in(album / "out") == before
    assert run(album, album / "second").counts == run(album, album / "out").counts


def stopped(source: Path | str, destination: Path, tasks: int) -> None:
    """A batch that ended when so many tasks were done."""
    stop = iter([False] * tasks + [True])
    assert not run(source, destination, should_stop=lambda: next(stop)).complete


def test_photos_that_change_before_a_run_goes_on_are_read_as_they_are_then(tmp_path: Path) -> None:
    for index in range(8):
        picture(tmp_path / "photos" / f"{index}.png", width=20)
    stopped(tmp_path / "photos", tmp_path / "out", 1)
    (tmp_path / "photos" / "5.png").unlink()
    picture(tmp_path / "photos" / "6.png", width=30)
    picture(tmp_path / "photos" / "8.png", width=40)
    assert run(tmp_path / "photos", tmp_path / "out").complete
    assert images(tmp_path / "out") == {
        f"{index}.png": 30 if index == 6 else 20 for index in range(8) if index != 5
    }
    assert "no such file" in failures(tmp_path / "out")["5.png"]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_an_archive_that_changes_before_a_run_goes_on_is_not_read(tmp_path: Path, name: str) -> None:
    """In a tar other pictures lie at the old places."""

    def write(names: list[int]) -> None:
        members = {f"{index}.png": png(20 + index) for index in names}
        if name == "a.zip":
            write_zip(tmp_path / name, members)
        else:
            write_tar(tmp_path / name, members, "w:gz" if name == "a.tar.gz" else "w")
        os.utime(tmp_path / name, (len(names), names[0]))

    write(list(range(8)))
    stopped(tmp_path / name, tmp_path / "out", 1)
    write(list(reversed(range(8))))
    assert run(tmp_path / name, tmp_path / "out").complete
    assert images(tmp_path / "out") == {f"{index}.png": 20 + index for index in range(4)}
    assert set(failures(tmp_path / "out")) == {f"{index}.png" for index in range(4, 8)}
    assert all(
        "has changed since the batch was begun" in reason for reason in failures(tmp_path / "out").values()
    )


def test_a_source_that_is_gone_ends_a_run_that_goes_on(tmp_path: Path) -> None:
    for index in range(8):
        picture(tmp_path / "photos" / f"{index}.png")
    stopped(tmp_path / "photos", tmp_path / "out", 1)
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    with pytest.raises(BatchError, match=r"there is no file or folder .*photos"):
        run(tmp_path / "photos", tmp_path / "out")
    (tmp_path / "elsewhere").rename(tmp_path / "photos")
    assert run(tmp_path / "photos", tmp_path / "out").counts.failures == 0
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    assert run(tmp_path / "photos", tmp_path / "out").complete


def test_reading_that_fails_for_a_moment_is_tried_again_elsewhere_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "_PAUSES", (0.0, 0.0, 0.0))
    memory = fsspec.filesystem("memory")
    memory.pipe("/photos/a.png", png(20))
    tries = 0
    real = type(memory).cat_file

    def cat_file(self: Any, path: str, **options: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("the network is down")
        return real(self, path, **options)

    monkeypatch.setattr(type(memory), "cat_file", cat_file)
    try:
        assert read("memory://photos") == {"a.png": (8, 20)}
    finally:
        memory.rm("/photos", recursive=True)
    assert tries == 3
