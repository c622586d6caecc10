"""Files that are no pictures raise an ImageError with a readable message."""

import base64
import io
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.errors import ImageError
from face_alignment_3d.images import as_rgb


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def _message(given: object) -> str:
    with pytest.raises(ImageError) as caught:
        as_rgb(given)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 700
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
@pytest.mark.parametrize("letters", [300, 5000, None])
def test_base64_text(photo: Path, prefix: str, letters: int | None) -> None:
    text = base64.b64encode(photo.read_bytes()).decode("ascii")[:letters]
    message = _message(prefix + text)
    assert "PIL.Image.open(io.BytesIO(base64.b64decode(text)))" in message
    assert f"({len(prefix + text)} letters)" in message


@pytest.mark.parametrize("url", ["https://example.org/a.jpg", "file:///tmp/a.jpg", "s3://bucket/a.jpg"])
def test_urls_are_not_fetched(url: str) -> None:
    assert f"no such file: {url!r}; only local files are read: download it first" in _message(url)


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be made there")
@pytest.mark.parametrize(
    "name", ["2024-01-01T12:30:00.png", "http:x.png", "data:x.png", "C:x.png", "-x.png", "a?b.png"]
)
def test_names_that_look_like_something_else(photo: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photo.parent)
    shutil.copy(photo, photo.parent / name)
    np.testing.assert_array_equal(as_rgb(name), as_rgb(photo))


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be made there")
def test_a_name_that_is_not_utf8(photo: Path) -> None:
    other = os.fsencode(photo.parent) + b"/caf\xe9.png"
    shutil.copy(photo, other)
    np.testing.assert_array_equal(as_rgb(os.fsdecode(other)), as_rgb(photo))


def test_open_and_closed_files(photo: Path) -> None:
    with photo.open("rb") as handle:
        assert "got BufferedReader; open it with PIL.Image.open" in _message(handle)
    assert "got BufferedReader" in _message(handle)
    assert "got BytesIO; open it with PIL.Image.open" in _message(io.BytesIO(photo.read_bytes()))
    assert "PIL.Image.open(io.BytesIO(...))" in _message(memoryview(photo.read_bytes()))
    picture = Image.open(photo)
    picture.close()
    assert "cannot decode the PIL image" in _message(picture)


def test_empty_text_and_null_bytes() -> None:
    assert _message("").startswith("no such file: ''")
    assert "embedded null" in _message("a\0b.png")


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert _message(tmp_path / "loop.png").startswith(f"cannot open {tmp_path / 'loop.png'}: ")


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    assert _message(tmp_path / "gone.png").startswith("no such file: ")


def test_a_link_to_a_picture(photo: Path) -> None:
    (photo.parent / "link.png").symlink_to(photo.name)
    np.testing.assert_array_equal(as_rgb(photo.parent / "link.png"), as_rgb(photo))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "is a pipe or a device" in _message(tmp_path / "pipe.png")
    assert "is a pipe or a device" in _message(os.devnull)


def test_a_folder_that_may_not_be_entered(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may enter every folder, so the system's answer is made up.
    def refuse(path: str) -> os.stat_result:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("face_alignment_3d.image_file.os.stat", refuse)
    assert _message(photo) == f"not allowed to read {photo}; check its permissions and those of its folder"


# HEIC


def _heic(folder: Path, pixels: np.ndarray, **options: object) -> Path:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = folder / "phone.HEIC"
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, format="HEIF", **options)
    return file


def test_heic_is_read_without_registering_a_plugin(tmp_path: Path) -> None:
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :32] = 255
    file = _heic(tmp_path, pixels, quality=95)
    Image.init()
    before = set(Image.OPEN)
    assert np.abs(as_rgb(file).astype(int) - pixels).mean() < 3
    assert set(Image.OPEN) == before


def test_heic_that_is_turned(tmp_path: Path) -> None:
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :32] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    file = _heic(tmp_path, np.ascontiguousarray(np.rot90(upright)), quality=95, exif=exif.tobytes())
    assert np.abs(as_rgb(file).astype(int) - upright).mean() < 3


def test_heic_that_is_damaged(tmp_path: Path) -> None:
    file = _heic(tmp_path, np.zeros((64, 96, 3), np.uint8))
    file.write_bytes(file.read_bytes()[:200])
    assert f"{file} is damaged" in _message(file)


def test_heic_without_the_package(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = photo.parent / "phone.heic"
    file.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    monkeypatch.setattr("face_alignment_3d.image_file.is_installed", lambda name: False)
    assert "pip install 'face-alignment-3d[heic]'" in _message(file)
