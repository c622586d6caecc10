"""The parser, and errors: a line on stderr and an exit code, never a traceback."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

import face_alignment_3d.errors
from face_alignment_3d.cli import main
from face_alignment_3d.cli.main import _parser
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.version import __version__

COMMANDS = (
    "align",
    "batch",
    "video",
    "view",
    "webcam",
    "serve",
    "train",
    "train-data",
    "evaluate",
    "export",
    "weights",
    "info",
)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"face-alignment-3d {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"face-alignment-3d {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["align"], ["align", "x.jpg", "--min-face", "0"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (
            WeightsError("weights 'x' are nowhere; train them"),
            2,
            "error: weights 'x' are nowhere; train them\n",
        ),
        (
            PermissionError(13, "Permission denied", "/root/x"),
            2,
            "error: [Errno 13] Permission denied: '/root/x'\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_errors(
    raised: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_: argparse.Namespace) -> int:
        raise raised

    monkeypatch.setattr("face_alignment_3d.cli.info.run", run)
    assert main(["info"]) == code
    captured = capsys.readouterr()
    assert captured.err == line
    assert captured.out == ""


def test_commands_are_complete() -> None:
    (action,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(action.choices) == set(COMMANDS)


def test_help_is_quick_the_command_line_itself_loads_no_torch() -> None:
    # Without the package's __init__, which is the library's business.
    package = Path(face_alignment_3d.errors.__file__).parent
    code = (
        "import sys, types\n"
        "package = types.ModuleType('face_alignment_3d')\n"
        f"package.__path__ = [{str(package)!r}]\n"
        "sys.modules['face_alignment_3d'] = package\n"
        "from face_alignment_3d.cli import main\n"
        "try:\n"
        "    main(['align', '--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "sys.exit('torch' in sys.modules or 'cv2' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "face_alignment_3d", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"face-alignment-3d {__version__}\n"
