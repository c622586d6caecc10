"""Names of results: possible, distinct, and never that of an input."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from face_alignment_3d.cli import main
from tests.cli.album import files_in, photo, rows_of

POSIX_NAMES = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="such names cannot be made there"
)


@POSIX_NAMES
@pytest.mark.parametrize("name", [b"caf\xe9", b"\x93\xfa\x96\x7b", b"\xed\xb3\xa9", b"half\xe2\x82"])
def test_names_that_are_not_utf8(album: Path, stub_aligner: Any, name: bytes) -> None:
    (album / os.fsdecode(name + b".png")).write_bytes(photo(album / "z.png").read_bytes())
    text = os.fsdecode(name)
    formats = ["--export", "pts", "--export", "npz", "--export", "openface", "--json", "--csv", "--draw"]
    assert main(["align", f"{text}.png", "z.png", "-o", "out", *formats]) == 0
    endings = [".json", ".npz", ".pts", "_landmarks.png"]
    tables = {"landmarks.csv", "openface.csv"}
    assert files_in(album / "out") == {stem + end for stem in (text, "z") for end in endings} | tables
    content = json.loads((album / "out" / f"{text}.json").read_text(encoding="utf-8"))
    assert os.fsencode(content["image"]) == name + b".png"
    first, second = rows_of(album / "out" / "landmarks.csv")
    assert first.startswith(text.encode("utf-8", "backslashreplace").decode())
    assert second == "z.png"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437", "utf-8", "shift_jis"])
@pytest.mark.parametrize("name", ["\N{GRINNING FACE}", "żółw", "\N{CJK UNIFIED IDEOGRAPH-732B}", "plain"])
def test_consoles_without_the_letters(
    album: Path, stub_aligner: Any, encoding: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(album / f"{name}.png")
    printed = io.BytesIO()
    console = io.TextIOWrapper(printed, encoding=encoding)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", console)
        assert main(["align", f"{name}.png", "-o", "out", "--json"]) == 0
    assert console.errors == "strict"  # As it was.
    assert files_in(album / "out") == {f"{name}.json"}
    shown = name.encode(encoding, "backslashreplace").decode(encoding)
    assert printed.getvalue().decode(encoding) == f"1 photo, 1 face: wrote {shown}.json to out\n"


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be made there")
@pytest.mark.parametrize("name", ["2024-01-01T12:30:00", "http:x", "file:", "s3:x"])
def test_names_like_urls(album: Path, stub_aligner: Any, name: str) -> None:
    photo(album / f"{name}.png")
    assert main(["align", f"{name}.png", "-o", "out", "--json", "--draw"]) == 0
    assert files_in(album / "out") == {f"{name}.json", f"{name}_landmarks.png"}


@pytest.mark.parametrize("name", ["n" * 245, "n" * 251, "\N{CJK UNIFIED IDEOGRAPH-732B}" * 83])
def test_long_names(album: Path, stub_aligner: Any, name: str) -> None:
    photo(album / "long" / f"{name}.png")
    photo(album / "long" / f"{name[:-1]}m.png")
    assert main(["align", "long", "-o", "out", "--json", "--draw", "--export", "pts"]) == 0
    assert len(files_in(album / "out")) == 6
    assert all(len(os.fsencode(file)) <= 255 for file in files_in(album / "out"))
    assert len(name) != 245 or f"{name}.json" in files_in(album / "out")


# Names that collide


@pytest.mark.parametrize("kind", ["pts", "gltf"])
def test_further_faces_do_not_take_the_place_of_another_photo(
    album: Path, stub_aligner: Any, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a.png", "a.face1.png", "A.FACE2.png", "a.face1.face1.png", "b.face1.png")
    boxes = {name: [[1, 2, 30, 40], [20, 5, 60, 45], [10, 5, 50, 45]] for name in names}
    for name in names:
        photo(album / "many" / name)
    (album / "boxes.json").write_text(json.dumps(boxes))
    assert main(["align", "many", "-o", "out", "--export", kind, "--boxes", "boxes.json"]) == 0
    files = files_in(album / "out")
    assert len({name.casefold() for name in files}) == 15
    assert {f"a.{'pts' if kind == 'pts' else 'glb'}", f"b.face1.{'pts' if kind == 'pts' else 'glb'}"} < files
    assert capsys.readouterr().out == "5 photos, 15 faces: wrote 15 files to out\n"


def test_one_stem_and_several_endings(album: Path, stub_aligner: Any) -> None:
    for name in ("a.png", "a.PNG", "A.png", "a.webp", "a.png.png"):
        photo(album / "many" / name)
    assert main(["align", "many", "-o", "out", "--json", "--csv", "--draw", "--export", "pts"]) == 0
    files = files_in(album / "out")
    assert len({name.casefold() for name in files}) == len(files) == 5 * 3 + 1
    images = [json.loads(file.read_text())["image"] for file in (album / "out").glob("*.json")]
    assert len(set(images)) == 5


def test_inputs_are_never_replaced(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "a.png,1,2,30,40\n"
    (album / "landmarks.csv").write_text(line)
    assert main(["align", "photos/a.png", "--boxes", "landmarks.csv", "--csv"]) == 2
    assert "landmarks.csv would replace a photo or the boxes" in capsys.readouterr().err
    assert stub_aligner.made == []  # Nothing was done before.
    assert (album / "landmarks.csv").read_text() == line
    (album / "a.json").write_text('{"a.png": [1, 2, 30, 40]}')
    assert main(["align", "photos/a.png", "--boxes", "a.json", "--json"]) == 1
    assert "would replace" in capsys.readouterr().err
    assert (album / "a.json").read_text() == '{"a.png": [1, 2, 30, 40]}'


def test_photos_behind_links_are_never_replaced(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "out").mkdir()
    (album / "out" / "a_landmarks.png").symlink_to(album / "photos" / "a.png")
    before = (album / "photos" / "a.png").read_bytes()
    assert main(["align", "photos/a.png", "-o", "out", "--draw"]) == 1
    assert "would replace" in capsys.readouterr().err
    assert (album / "photos" / "a.png").read_bytes() == before
