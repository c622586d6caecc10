"""The documents' commands are ones of ours, their Python imports what there is, and README's runs."""

import argparse
import ast
import importlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d.cli import main
from face_alignment_3d.cli.main import _parser

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "MODEL_CARD.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = "face-alignment-3d"

#: Words in a synopsis -> values that they stand for.
_VALUES = {"FORMAT": "json", "HOST:PORT": "127.0.0.1:39539", "SECONDS": "1", "N": "1", "NAME": "lite"}


def _blocks(document: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of each fenced block."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```", document.read_text(encoding="utf-8"), re.M | re.S):
        yield match[1], match[2]


def _command_lines(document: Path) -> list[str]:
    """The lines of shell blocks, those that end in a backslash or go on indented joined, without comments."""
    lines: list[str] = []
    for language, text in _blocks(document):
        is_shell = language == "sh" or (not language and re.match(rf"{COMMAND} |pip ", text))
        if is_shell:
            joined = re.sub(r"\\\n\s*|\n\s+", " ", text)
            lines += [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return lines


COMMANDS = [
    pytest.param(line, id=f"{document.name}: {line[:60]}")
    for document in DOCUMENTS
    for line in _command_lines(document)
]
INLINE = [
    pytest.param(match[1], id=f"{document.name}: {match[1]}")
    for document in DOCUMENTS
    for match in re.finditer(rf"`({COMMAND} [^`]+)`", document.read_text(encoding="utf-8"))
]


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_0-9]+=.*", words[0]):
        words.pop(0)
    return words


def _written_out(words: list[str]) -> list[str]:
    """A synopsis with all that is optional, and with values."""
    plain = [re.sub(r"\[|\]|\.\.\.", "", word) for word in words]
    return [_VALUES.get(word, word) for word in plain if word]


def _require_parsed(words: list[str]) -> None:
    try:
        _parser().parse_args(_written_out(words))
    except SystemExit as stop:
        pytest.fail(f"the parser refuses {shlex.join(words)} with exit code {stop.code}")


def _targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 30
    assert len(INLINE) > 5


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_ones_that_there_are(line: str) -> None:
    match _words(line):
        case ["face-alignment-3d", *words]:
            _require_parsed(words)
        case ["torchrun", *words]:
            at = words.index("-m")
            assert words[at + 1] == "face_alignment_3d"
            _require_parsed(words[at + 2 :])
        case ["python", script, *words]:
            source = (ROOT / script).read_text(encoding="utf-8")
            for option in (word for word in words if word.startswith("--")):
                assert f'"{option}"' in source or _is_shared_option(option), f"{script} has no {option}"
        case ["cd", folder]:
            assert (ROOT / folder).is_dir()
        case ["npm", "ci"]:
            assert (ROOT / "web" / "package-lock.json").is_file()
        case ["npm", "run", script, *_]:
            assert (
                script in json.loads((ROOT / "web" / "package.json").read_text(encoding="utf-8"))["scripts"]
            )
        case ["docker", "build" | "run", *_]:
            assert (ROOT / "Dockerfile").is_file()
        case ["curl", "--data-binary", "@photo.jpg", address]:
            assert urlsplit(address).path == "/align"
        case ["make", *targets]:
            assert set(targets) <= _targets()
        case ["pip", "install", package]:
            _require_extra(package)
        case words:
            pytest.fail(f"no test knows what {words[0]} is")


def _is_shared_option(option: str) -> bool:
    """Options that scripts take from a module beside them."""
    return any(
        f'"{option}"' in file.read_text(encoding="utf-8") for file in (ROOT / "benchmarks").rglob("*.py")
    )


def _require_extra(package: str) -> None:
    extras = re.findall(r"\[(.*)\]", package)
    name = package.split("[", maxsplit=1)[0]
    folder = {COMMAND: ROOT, f"{COMMAND}-onnx": ROOT / "torchfree"}.get(name)
    assert folder is not None, f"there is no distribution {name}"
    declared = (folder / "pyproject.toml").read_text(encoding="utf-8")
    assert f'name = "{name}"' in declared
    for extra in extras[0].split(",") if extras else ():
        assert re.search(rf"^{extra} = \[", declared, re.M), f"there is no extra {extra}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_extras_in_sentences_are_ones_that_there_are(document: Path) -> None:
    for package in re.findall(rf"{COMMAND}\[[\w,]+\]", document.read_text(encoding="utf-8")):
        _require_extra(package)


@pytest.mark.parametrize("text", INLINE)
def test_commands_in_sentences_are_ones_that_there_are(text: str) -> None:
    parser = _parser()
    for word in _written_out(_words(text)[1:]):
        commands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if word.startswith("-"):
            assert word in parser._option_string_actions, f"{text}: there is no {word}"
        elif commands:
            assert word in commands[0].choices, f"{text}: there is no command {word}"
            parser = commands[0].choices[word]


PYTHON = [
    pytest.param(text, id=f"{document.name}: {text.splitlines()[0][:60]}")
    for document in DOCUMENTS
    for language, text in _blocks(document)
    if language == "python"
]


@pytest.mark.parametrize("text", PYTHON)
def test_python_blocks_import_what_there_is(text: str) -> None:
    if re.search(r"\(([^()]*, )?\*, ", text):  # Signatures rather than calls; the imports above them count.
        text = "\n".join(line for line in text.splitlines() if line.startswith(("from ", "import ")))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("face_alignment_3d"):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


# README for real


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of somebody who reads the pages: photo.jpg, photos/, holiday/, boxes.csv."""
    astronaut = Image.fromarray(skimage.data.astronaut())
    astronaut.save(tmp_path / "photo.jpg", quality=95)
    for folder in ("photos", "holiday"):
        (tmp_path / folder).mkdir()
        astronaut.resize((256, 256)).save(tmp_path / folder / f"{folder[:3]}.jpg")
    (tmp_path / "boxes.csv").write_text("photos/pho.jpg,89,44,134,89\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACE_ALIGNMENT_3D_OFFLINE", "1")
    return tmp_path


def _readme_command(beginning: str) -> list[str]:
    (line,) = (line for line in _command_lines(ROOT / "README.md") if line.startswith(beginning))
    return _words(line)[1:]


def test_readme_python_runs(desk: Path) -> None:
    photo = skimage.data.astronaut()
    names: dict[str, Any] = {
        "frame": photo[:, :, ::-1],
        "image": photo,
        "images": [photo, photo[:, ::-1]],
        "boxes": np.array([[179, 90, 268, 178]]),
    }
    blocks = [text for language, text in _blocks(ROOT / "README.md") if language == "python"]
    assert blocks
    for text in blocks:
        exec(compile(text, "README.md", "exec"), names)
    assert names["landmarks"].shape == (1, 66, 3)
    assert abs(names["face"].pose.yaw) < 25


def test_readme_align(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = _readme_command(f"{COMMAND} align")
    expanded = [str(match.relative_to(desk)) for word in words for match in desk.glob(word) if "*" in word]
    assert expanded == ["holiday/hol.jpg"]
    assert main([*words[:2], *expanded, *words[3:]]) == 0
    assert {path.name for path in (desk / "out").iterdir()} == {
        *("pho.json", "pho_landmarks.png"),
        *("hol.json", "hol_landmarks.png"),
    }
    assert len(json.loads((desk / "out" / "pho.json").read_text())["faces"]) == 1


#: Commands that need neither data sets, a network nor a camera. Those of `export` are run by their own tests.
RUNNABLE = sorted(
    {
        line.split("  #")[0].strip()
        for document in DOCUMENTS
        for line in _command_lines(document)
        if re.match(rf"{COMMAND} (align|view|info|video|weights list)\b", line) and "[" not in line
    }
)


def test_there_are_commands_to_run() -> None:
    assert {shlex.split(line)[1] for line in RUNNABLE} == {"align", "view", "info", "video", "weights"}


@pytest.mark.parametrize("line", RUNNABLE)
def test_commands_of_documents_run(desk: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    if line.startswith(f"{COMMAND} video"):
        pytest.importorskip("av")
        from tests.video.videos import write_video

        small = np.asarray(Image.open("photo.jpg").resize((256, 256)))
        for name in ("video.mp4", "clip.mp4"):
            write_video(desk / name, range(0, 400, 40), frames=[small] * 10, height=256, width=256, rate=25)
    words = []
    for word in _words(line)[1:]:
        words += [str(match.relative_to(desk)) for match in desk.glob(word)] if "*" in word else [word]
    inputs = {path for path in desk.rglob("*") if path.is_file()}
    assert main(words) == 0
    if words[0] in ("info", "weights"):
        assert "lite" in capsys.readouterr().out
    else:
        written = {path for path in desk.rglob("*") if path.is_file()} - inputs
        assert written
        assert all(path.stat().st_size for path in written)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_readme_begins_with_make() -> None:
    assert [_words(line) for line in _command_lines(ROOT / "README.md")[:2]] == [
        ["make", "demo"],
        ["make", "test"],
    ]
    for target in ("demo", "test"):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_links_in_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text):
            if "://" not in link:
                target = document.parent / link if link else document
                assert target.exists(), f"{document.name} links to {link}"
                assert not anchor or anchor in _anchors(target), f"{document.name} links to {link}#{anchor}"


def _anchors(document: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
