"""Files, folders and patterns become photos with names of their own."""

import unicodedata
from collections.abc import Callable
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


def test_an_empty_argument_is_nothing(album: Path) -> None:
    with pytest.raises(ImageError, match="no photo in ''"):
        find_photos(["one.jpg", ""])


# Links


def test_linked_folders_are_followed_once(album: Path) -> None:
    elsewhere = album.parent / f"{album.name}-elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "b.png").touch()
    (elsewhere / "deep" / "c.png").touch()
    (elsewhere / "back").symlink_to(album)
    (album / "album").symlink_to(elsewhere)
    (album / "again").symlink_to(elsewhere / "deep")
    found = _found(".")
    assert found["album/b.png"] == "album/b"
    assert found["again/c.png"] == "again/c"
    assert len(found) == 5 + 2


def test_a_photo_is_called_after_its_own_place_rather_than_a_link(album: Path) -> None:
    before = _found(".")
    (album / "a link").symlink_to("trip")
    assert _found(".") == before


def test_a_linked_photo_counts_once(album: Path) -> None:
    (album / "link.jpg").symlink_to("one.jpg")
    assert len(find_photos(["link.jpg", "one.jpg"])) == 1


def test_broken_links_are_found_so_that_somebody_is_told(album: Path) -> None:
    (album / "trip" / "loop.png").symlink_to("loop.png")
    (album / "trip" / "gone.png").symlink_to("nowhere")
    (album / "trip" / "loop").symlink_to("loop")
    assert {"trip/loop.png", "trip/gone.png"} <= set(_found("trip"))
    assert {"trip/loop.png", "trip/gone.png"} <= set(_found("trip/*"))
    assert set(_found("trip/loop.png", "trip/loop")) == {"trip/loop.png", "trip/loop"}


# Names that clash


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """File names in the working folder -> what their results are called."""
    monkeypatch.chdir(tmp_path)

    def make(*files: str) -> dict[str, str]:
        for name in files:
            (tmp_path / name).touch()
        if len(list(tmp_path.iterdir())) < len(files):
            pytest.skip("this file system does not tell these names apart")
        return _found(*files)

    return make


def test_no_photo_is_called_like_the_further_faces_of_another(names: Callable[..., dict[str, str]]) -> None:
    assert names("a.png", "A.face1.png", "b.face1.png", "a.facet.png") == {
        "a.png": "a",
        "A.face1.png": "A.face1.png",
        "b.face1.png": "b.face1",
        "a.facet.png": "a.facet",
    }


def test_a_file_without_an_ending_that_is_called_like_further_faces(
    names: Callable[..., dict[str, str]],
) -> None:
    assert names("a.png", "a.face12") == {"a.png": "a.png", "a.face12": "a.face12"}


@pytest.mark.parametrize(
    "files", [("a.png", "A.png", "a.PNG"), ("e\u0301.png", "\u00e9.png"), ("ß.png", "SS.png")]
)
def test_names_that_only_some_disks_tell_apart(
    names: Callable[..., dict[str, str]], files: tuple[str, ...]
) -> None:
    called = names(*files).values()
    assert len({unicodedata.normalize("NFC", name).casefold() for name in called}) == len(files)
