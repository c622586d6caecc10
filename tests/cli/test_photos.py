"""Files, folders and patterns become photos with names of their own."""

from pathlib import Path

import pytest

from face_alignment_3d.cli.photos import find_photos
from face_alignment_3d.errors import ImageError


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "one.jpg",
        "note.txt",
        ".hidden.jpg",
        "one_landmarks.png",
        "trip/one.JPG",
        "trip/two.png",
        "trip/day/two.png",
        "trip/v1.2.jpg",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _found(*arguments: str) -> dict[str, str]:
    return {photo.path.as_posix(): Path(photo.name).as_posix() for photo in find_photos(arguments)}


def test_file(album: Path) -> None:
    assert _found("one.jpg") == {"one.jpg": "one"}


def test_any_file_that_is_named_is_taken(album: Path) -> None:
    assert _found("note.txt", "missing.jpg", "one_landmarks.png") == {
        "note.txt": "note",
        "missing.jpg": "missing",
        "one_landmarks.png": "one_landmarks",
    }


def test_folder_is_searched_to_the_bottom_and_mirrored(album: Path) -> None:
    assert _found(".") == {
        "one.jpg": "one",
        "trip/day/two.png": "trip/day/two",
        "trip/one.JPG": "trip/one",
        "trip/two.png": "trip/two",
        "trip/v1.2.jpg": "trip/v1.2",
    }
    assert _found("trip/day") == {"trip/day/two.png": "two"}


def test_pattern(album: Path) -> None:
    assert _found("*") == {
        "one.jpg": "one",
        "trip/day/two.png": "day/two",
        "trip/one.JPG": "trip/one",
        "trip/two.png": "two",
        "trip/v1.2.jpg": "v1.2",
    }
    assert set(_found("**/*.png")) == {"trip/two.png", "trip/day/two.png"}
    assert _found(f"{album.as_posix()}/trip/*.png") == {f"{album.as_posix()}/trip/two.png": "two"}


def test_a_file_whose_name_looks_like_a_pattern(album: Path) -> None:
    (album / "a[1].jpg").touch()
    assert _found("a[1].jpg") == {"a[1].jpg": "a[1]"}


def test_the_same_photo_counts_once(album: Path) -> None:
    assert len(find_photos(["one.jpg", "./one.jpg", str(album / "one.jpg"), "trip/../one.jpg"])) == 1


def test_clashing_names_keep_their_folders(album: Path) -> None:
    assert _found("one.jpg", "trip/one.JPG", "trip/two.png") == {
        "one.jpg": "one",
        "trip/one.JPG": "trip/one",
        "trip/two.png": "two",
    }
    assert _found("trip/two.png", "trip/day/two.png") == {
        "trip/two.png": "two",
        "trip/day/two.png": "day/two",
    }


def test_clashing_names_in_one_folder_keep_their_endings(album: Path) -> None:
    (album / "one.png").touch()
    assert _found("one.jpg", "one.png") == {"one.jpg": "one.jpg", "one.png": "one.png"}


def test_names_are_distinct_on_disks_that_ignore_case(album: Path) -> None:
    (album / "trip" / "ONE.png").touch()
    names = [name.casefold() for name in _found(".", "trip").values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("argument", ["*.gif", "empty"])
def test_nothing_found(album: Path, argument: str) -> None:
    (album / "empty").mkdir()
    with pytest.raises(ImageError, match=r"no photo in .*\.jpg"):
        find_photos([argument])
