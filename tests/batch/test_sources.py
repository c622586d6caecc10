"""Folders, patterns, archives, links, urls and videos: what is found in them, and what is read."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.batch.decoding import decoded_groups
from face_alignment_3d.batch.items import Item
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.sources import Source
from face_alignment_3d.errors import BatchError, ImageError
from tests.batch.conftest import picture


def items(url: str | Path, *, videos: bool = False) -> list[Item]:
    return list(Source(str(url), videos=videos).items())


def keys(url: str | Path) -> list[str]:
    return [item.key for item in items(url)]


def read(url: str | Path) -> dict[str, tuple[int, int] | str]:
    """Key -> size of the image, or the message of its error."""
    found: dict[str, tuple[int, int] | str] = {}
    with ItemReader(str(url)) as reader:
        for group in decoded_groups(items(url), reader, every=1, threads=2):
            for image in group:
                content = image.content
                found[image.key] = str(content) if isinstance(content, Exception) else content.shape[:2]
    return found


def png(width: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 8), (width, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def write_tar(file: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(file, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def write_zip(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


#: The layout of a WebDataset: samples share a name, and the ending says what it is.
SAMPLES = {"000.png": png(20), "000.json": b"{}", "000.cls": b"1", "001.png": png(30), "001.json": b"{}"}

ARCHIVES: dict[str, Callable[[Path], Path]] = {
    "zip": lambda folder: write_zip(folder / "a.zip", SAMPLES),
    "tar": lambda folder: write_tar(folder / "a.tar", SAMPLES),
    "tar.gz": lambda folder: write_tar(folder / "a.tar.gz", SAMPLES, "w:gz"),
    "tgz": lambda folder: write_tar(folder / "a.tgz", SAMPLES, "w:gz"),
    "tar.bz2": lambda folder: write_tar(folder / "a.tar.bz2", SAMPLES, "w:bz2"),
    "tar.xz": lambda folder: write_tar(folder / "a.tar.xz", SAMPLES, "w:xz"),
}


def test_a_folder_to_the_bottom_in_order(album: Path) -> None:
    found = keys(album)
    assert len(found) == 42
    assert found == sorted(found)
    assert "summer/beach/02.png" in found
    assert "notes.txt" not in found


def test_a_file_is_taken_whatever_it_is_called(album: Path) -> None:
    assert keys(album / "00.png") == ["00.png"]
    assert keys(album / "notes.txt") == ["notes.txt"]


def test_a_pattern(album: Path) -> None:
    assert keys(album / "**" / "1*.png") == [
        *("12.png", "15.png", "18.png", "summer/10.png", "summer/13.png", "summer/16.png", "summer/19.png"),
        *("summer/beach/11.png", "summer/beach/14.png", "summer/beach/17.png"),
    ]
    assert set(keys(album / "su*")) == {key for key in keys(album) if key.startswith("summer/")}


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    assert keys(picture(tmp_path / "[1].png")) == ["[1].png"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match=r"no file or folder .*nowhere"):
        items(tmp_path / "nowhere")
    with pytest.raises(BatchError, match="cannot open the source nosuch://x"):
        items("nosuch://x")
    assert items(tmp_path) == []


@pytest.mark.parametrize("kind", ARCHIVES)
def test_the_pictures_of_an_archive(tmp_path: Path, kind: str) -> None:
    archive = ARCHIVES[kind](tmp_path)
    assert read(archive) == {"000.png": (8, 20), "001.png": (8, 30)}
    # In a folder they are told from those of other archives.
    picture(tmp_path / "z.png")
    assert read(tmp_path) == {
        f"{archive.name}/000.png": (8, 20),
        f"{archive.name}/001.png": (8, 30),
        "z.png": (8, 12),
    }


def test_many_archives_at_the_same_time(tmp_path: Path) -> None:
    for index in range(12):
        write = write_zip if index % 2 else write_tar
        write(tmp_path / f"{index:02}.{'zip' if index % 2 else 'tar'}", {"a.png": png(10 + index)})
    write_tar(tmp_path / "12.tgz", {"a.png": png(22)}, "w:gz")
    found = read(tmp_path)
    assert [size[1] for size in found.values()] == list(range(10, 23))  # type: ignore[misc]


def test_of_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for width in (20, 30):
            info = tarfile.TarInfo("a.png")
            info.size = len(png(width))
            archive.addfile(info, io.BytesIO(png(width)))
    assert read(tmp_path / "a.tar") == {"a.png": (8, 30)}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_archive_that_is_cut_short_is_a_failure(tmp_path: Path, kind: str) -> None:
    archive = ARCHIVES[kind](tmp_path)
    archive.write_bytes(archive.read_bytes()[: 200 if kind != "tar" else 600])
    picture(tmp_path / "good.png")
    found = read(tmp_path)
    assert found.pop("good.png") == (8, 12)
    assert "the archive is damaged or cut short" in str(found[archive.name])


def test_a_member_that_is_cut_short_is_a_failure(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar", {"a.png": png(20), "b.png": png(30)})
    archive.write_bytes(archive.read_bytes()[: (items(archive)[1].offset or 0) + 5])
    (first, second, problem) = items(archive)
    assert "cut short" in str(problem.problem)
    with ItemReader(str(archive)) as reader:
        assert isinstance(reader.picture(first), bytes)
        with pytest.raises(ImageError, match=r"b\.png is cut short, as its archive is"):
            reader.picture(second)


def test_an_encrypted_member_is_a_failure(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"a.png": png(20)})
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # The flag, in the member's header and in the list of members.
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    (message,) = read(archive).values()
    assert isinstance(message, str)
    assert "encrypted" in message


def test_a_picture_that_is_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    item = Item("a.png", "a.zip", 1 << 30, "a.png")
    with (
        ItemReader(str(tmp_path)) as reader,
        pytest.raises(ImageError, match="1024 MiB; expected at most 512"),
    ):
        reader.picture(item)


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_links_are_followed_once(album: Path) -> None:
    before = keys(album)
    (album / "again").symlink_to(album / "summer")
    (album / "loop").symlink_to(album)
    (album / "z.png").symlink_to(album / "00.png")
    (album / "gone.png").symlink_to("nowhere.png")
    found = keys(album)
    assert len([key for key in found if key.endswith("13.png")]) == 1
    assert len(found) == len(before) + 2
    assert read(album)["z.png"] == read(album)["00.png"]
    assert "no such file" in str(read(album)["gone.png"])


@pytest.mark.skipif(os.name == "nt", reason="names are not bytes")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    try:
        picture(tmp_path / os.fsdecode(b"caf\xe9.png"))
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    assert read(tmp_path) == {"caf\\udce9.png": (8, 12)}


def test_a_closed_folder_is_a_failure(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str = ".") -> object:  # Root may enter every folder.
        if str(path).rstrip("/").endswith("beach"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (closed,) = [item for item in items(album) if item.problem]
    assert closed.key == "summer/beach"
    assert "Permission denied" in str(closed.problem)


def test_other_file_systems(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/photos/a.png": png(20), "/photos/sub/b.png": png(30)})
    archive = write_tar(tmp_path / "a.tar", SAMPLES)
    memory.pipe("/photos/shard.tar", archive.read_bytes())
    memory.pipe("/photos/shard.tgz", write_tar(tmp_path / "a.tgz", SAMPLES, "w:gz").read_bytes())
    memory.pipe("/photos/shard.zip", write_zip(tmp_path / "a.zip", SAMPLES).read_bytes())
    expected = {"a.png": (8, 20), "sub/b.png": (8, 30)}
    shards = {f"shard.{kind}/{name}": size for kind in ("tar", "tgz", "zip") for name, size in _SIZES.items()}
    assert read("memory://photos") == expected | shards
    assert read("memory://photos/*.png") == {"a.png": (8, 20)}
    assert read("zip://*.png::memory://photos/shard.zip") == _SIZES
    memory.rm("/photos", recursive=True)


_SIZES = {"000.png": (8, 20), "001.png": (8, 30)}


def write_video(file: Path, frames: int) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(file), "w") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            image = np.full((48, 64, 3), 20 * index % 256, np.uint8)
            video.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        video.mux(stream.encode(None))
    return file


@pytest.mark.parametrize("place", ["folder", "zip", "tar.gz"])
def test_each_third_frame_of_a_video(tmp_path: Path, place: str) -> None:
    clip = write_video(tmp_path / "clip.mp4", 8)
    members = {"clip.mp4": clip.read_bytes(), "a.png": png(20)}
    url = tmp_path / "photos"
    url.mkdir()
    if place == "folder":
        for name, content in members.items():
            (url / name).write_bytes(content)
    else:
        url = url / f"a.{place}"
        write_zip(url, members) if place == "zip" else write_tar(url, members, "w:gz")
    with ItemReader(str(url)) as reader:
        found = items(url, videos=True)
        images = [image for group in decoded_groups(found, reader, every=3, threads=1) for image in group]
    frames = [image for image in images if image.frame is not None]
    assert [image.key for image in frames] == ["clip.mp4#0", "clip.mp4#3", "clip.mp4#6"]
    assert [image.time for image in frames] == pytest.approx([0, 0.3, 0.6])
    for image in frames:
        assert isinstance(image.content, np.ndarray)
        assert abs(float(image.content.mean()) - 20 * (image.frame or 0)) < 4
    assert len(images) == 4


def test_videos_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    picture(tmp_path / "a.png")
    source = Source(str(tmp_path), videos=False)
    assert [item.key for item in source.items()] == ["a.png"]
    assert source.videos_left_out == 1


def test_a_broken_video_is_a_failure(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    (item,) = items(tmp_path, videos=True)
    with ItemReader(str(tmp_path)) as reader:
        ((image,),) = decoded_groups([item], reader, every=1, threads=1)
    assert isinstance(image.content, Exception)
    assert image.key == "clip.mp4"
