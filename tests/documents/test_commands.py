"""The documents' commands: each is one that there is, and is run here or listed with the reason why not."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from face_alignment_3d.cli import main
from face_alignment_3d.cli.main import _parser
from tests.documents.blocks import COMMAND, DOCUMENTS, ROOT, command_lines, words_of

#: Words in a synopsis -> values that they stand for.
_VALUES = {"FORMAT": "json", "HOST:PORT": "127.0.0.1:39539", "SECONDS": "1", "N": "1", "NAME": "lite"}

#: Beginnings of commands that are not run here, but compared with the parser, Makefile, script or package
#: that they name -> the reason.
NOT_RUN = {
    f"{COMMAND} batch s3://bucket/photos": "needs a Ray cluster; tests/batch/test_ray.py starts one",
    f"{COMMAND} evaluate": "needs data sets; tests/cli/test_cli_evaluate.py makes one",
    f"{COMMAND} export": "takes seconds a graph; tests/cli/test_cli_export.py runs it",
    f"{COMMAND} serve": "runs until it is stopped; tests/serve/test_command.py does that",
    f"{COMMAND} train": "takes hours; tests/training runs each recipe with a few small samples",
    f"{COMMAND} video IN": "a synopsis",
    f"{COMMAND} webcam": "needs a camera; tests/video/test_video_command.py has a made one",
    f"{COMMAND} weights download": "needs a network; tests/weights/test_download.py has a server",
    "cd": "goes to a folder of the checkout",
    "curl": "needs a server; test_python_blocks.py starts one",
    "docker": "needs Docker",
    "make": "installs packages",
    "npm": "needs the network; tests/web runs the built page",
    "pip": "needs the network",
    "python": "takes minutes; tests/benchmarks runs the parts of these scripts",
    "torchrun": "takes hours; tests/training/engine/test_several_processes.py starts two processes",
}

COMMANDS = [
    pytest.param(line, id=f"{document.name}: {line[:60]}")
    for document in DOCUMENTS
    for line in command_lines(document)
]
INLINE = [
    pytest.param(match[1], id=f"{document.name}: {match[1]}")
    for document in DOCUMENTS
    for match in re.finditer(rf"`({COMMAND} [^`]+)`", document.read_text(encoding="utf-8"))
]


def _reason(line: str) -> str | None:
    """The reason for not running a command, or None."""
    plain = " ".join(words_of(line))
    return next((reason for start, reason in NOT_RUN.items() if f"{plain} ".startswith(f"{start}")), None)


RUN = sorted(
    {line.split("  #")[0].strip() for file in DOCUMENTS for line in command_lines(file) if not _reason(line)}
)


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
    assert {shlex.split(line)[1] for line in RUN} >= {"align", "batch", "info", "video", "view", "weights"}


@pytest.mark.parametrize("start", NOT_RUN)
def test_what_is_not_run_is_in_a_document(start: str) -> None:
    lines = [" ".join(words_of(line)) for file in DOCUMENTS for line in command_lines(file)]
    assert any(line.startswith(start) for line in lines), f"no document has {start}: take it off the list"


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_ones_that_there_are(line: str) -> None:
    match words_of(line):
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
    for word in _written_out(words_of(text)[1:]):
        commands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if word.startswith("-"):
            assert word in parser._option_string_actions, f"{text}: there is no {word}"
        elif commands:
            assert word in commands[0].choices, f"{text}: there is no command {word}"
            parser = commands[0].choices[word]


def test_readme_align(desk: Path) -> None:
    (line,) = (line for line in command_lines(ROOT / "README.md") if line.startswith(f"{COMMAND} align"))
    words = words_of(line)[1:]
    expanded = [str(match.relative_to(desk)) for word in words for match in desk.glob(word) if "*" in word]
    assert expanded == ["holiday/hol.jpg"]
    assert main([*words[:2], *expanded, *words[3:]]) == 0
    assert {path.name for path in (desk / "out").iterdir()} == {
        *("pho.json", "pho_landmarks.png"),
        *("hol.json", "hol_landmarks.png"),
    }
    assert len(json.loads((desk / "out" / "pho.json").read_text())["faces"]) == 1


@pytest.mark.parametrize("line", RUN)
def test_commands_of_documents_run(
    request: pytest.FixtureRequest,
    desk: Path,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = words_of(line)[1:]
    if words[0] == "video" or "--every" in words:
        request.getfixturevalue("videos")
    if words[0] == "batch":
        _prepare_batch(desk, monkeypatch)
        words = [word.replace("s3://bucket", "bucket") for word in words]
    expanded = []
    for word in words:
        is_glob = "*" in word and words[0] != "batch"  # A batch has its patterns in quotes.
        expanded += [str(match.relative_to(desk)) for match in desk.glob(word)] if is_glob else [word]
    inputs = {path for path in desk.rglob("*") if path.is_file()}
    assert main(expanded) == 0
    if words[0] in ("info", "weights"):
        assert re.search(r"lite|nano", capsys.readouterr().out)
    else:
        written = {path for path in desk.rglob("*") if path.is_file()} - inputs
        assert any(path.stat().st_size for path in written)


def _prepare_batch(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in the place of the bucket, and a made aligner in this process."""
    pytest.importorskip("pyarrow")
    from face_alignment_3d.cli import batch
    from tests.batch.conftest import in_this_process
    from tests.batch.stub_aligner import StubSource

    monkeypatch.setattr("face_alignment_3d.batch.run.run_in_processes", in_this_process)
    monkeypatch.setattr(batch, "_aligner", lambda args: StubSource())
    (desk / "bucket" / "shards").mkdir(parents=True)
    shutil.make_archive(str(desk / "bucket" / "shards" / "first"), "tar", desk, "photos")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_readme_begins_with_make() -> None:
    assert [words_of(line) for line in command_lines(ROOT / "README.md")[:2]] == [
        ["make", "demo"],
        ["make", "test"],
    ]
    for target in ("demo", "test", "docs"):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
