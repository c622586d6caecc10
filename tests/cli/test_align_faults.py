"""Bad photos, full disks, signals and closed pipes: ``align`` keeps finished results and tells the rest."""

import io
import itertools
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.cli import main
from tests.cli.album import files_in, photo, rows_of

# One bad photo among others


@pytest.mark.parametrize("bad", ["loop.png", "gone.png", "missing.png", "pipe.png", "note.png"])
@pytest.mark.parametrize("how", ["named", "in a folder", "by a pattern"])
def test_a_bad_photo_is_one_failed_photo(
    album: Path, stub_aligner: Any, bad: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if how != "named" and bad in ("missing.png", "pipe.png"):
        pytest.skip("is not found then")
    folder = album / "mixed"
    photo(folder / "a.png")
    match bad:
        case "loop.png":
            (folder / bad).symlink_to(bad)
        case "gone.png":
            (folder / bad).symlink_to("nowhere.png")
        case "note.png":
            (folder / bad).write_text("no picture")
        case "pipe.png":
            os.mkfifo(folder / bad)
    named = {
        "named": [f"mixed/{bad}", "mixed/a.png"],
        "in a folder": ["mixed"],
        "by a pattern": ["mixed/*.png"],
    }
    assert main(["align", *named[how], "-o", "out", "--json", "--csv"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert bad in captured.err
    assert captured.out == "1 photo, 1 face, 1 failed: wrote a.json and landmarks.csv to out\n"
    assert rows_of(album / "out" / "landmarks.csv") == ["a.png"]


@pytest.mark.parametrize("arguments", [["mixed"], ["mixed/closed", "mixed/a.png"]])
def test_a_closed_folder_is_one_failed_photo(
    album: Path,
    stub_aligner: Any,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo(album / "mixed" / "a.png")
    photo(album / "mixed" / "closed" / "b.png")
    real = os.scandir

    def scandir(path: Any = ".") -> Any:  # Root may enter every folder.
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert main(["align", *arguments, "-o", "out", "--json"]) == 1
    captured = capsys.readouterr()
    assert "cannot open the folder" in captured.err
    assert "closed: Permission denied" in captured.err
    assert captured.out == "1 photo, 1 face, 1 failed: wrote a.json to out\n"


def test_a_fault_of_ours_is_one_failed_photo(
    album: Path, stub_aligner: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = stub_aligner.detect

    def detect(self: Any, image: np.ndarray, **options: Any) -> Any:
        if image.shape[0] == 48:
            raise KeyError("oops")
        return original(self, image, **options)

    monkeypatch.setattr(stub_aligner, "detect", detect)
    assert main(["align", "photos", "-o", "out", "--csv"]) == 1
    assert capsys.readouterr().err == "error: photos/a.png: KeyError: 'oops'\n"
    assert rows_of(album / "out" / "landmarks.csv") == ["b.jpg"]


def test_a_dark_photo_of_many_bits_is_told(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.linspace(0, 4095, 64 * 48).astype(np.uint16).reshape(48, 64)
    Image.fromarray(values).save(album / "deep.png")
    assert main(["align", "deep.png", "deep.png", "-o", "out", "--json"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: deep.png: the largest value of this image is 4095 of 65535")


# Disks and folders


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_costs_what_does_not_fit(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource

    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(album / "photos" / "m.png")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
        code = main(["align", "photos", "-o", "out", "--json", "--draw", "--csv"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 1
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: photos/m.png: ")
    assert "File too large" in line
    assert "m_landmarks.png" in line
    assert captured.out == "3 photos, 3 faces, 1 without a face, 1 failed: wrote 8 files to out\n"
    assert len(files_in(album / "out")) == 8  # No temporary file is left.
    assert rows_of(album / "out" / "landmarks.csv") == ["a.png", "m.png", "b.jpg"]


def test_a_table_that_cannot_be_written_does_not_hide_the_rest(
    album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "out" / "landmarks.csv" / "full").mkdir(parents=True)
    assert main(["align", "photos/a.png", "-o", "out", "--csv", "--json", "--export", "openface"]) == 1
    captured = capsys.readouterr()
    assert "landmarks.csv" in captured.err
    assert captured.out == "1 photo, 1 face, 1 table failed: wrote a.json and openface.csv to out\n"


@pytest.mark.parametrize("output", ["file", "file/below"])
def test_output_that_is_a_file(
    album: Path, stub_aligner: Any, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "file").write_text("mine")
    assert main(["align", "photos", "-o", output]) == 2
    message = f"error: cannot write to the folder {output}: it is a file; choose another with -o\n"
    assert capsys.readouterr().err == message
    assert (album / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(
    album: Path, stub_aligner: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("face_alignment_3d.cli.align.tempfile.TemporaryFile", refuse)
    assert main(["align", "photos", "-o", "out"]) == 2
    assert "cannot write to the folder out: Read-only file system; choose another" in capsys.readouterr().err
    assert stub_aligner.made[0].calls == []


# Signals


@pytest.mark.usefixtures("terminal_signals")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_stopped_by_a_signal(
    album: Path,
    stub_aligner: Any,
    number: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not hasattr(signal, number):
        pytest.skip("there is no such signal here")
    for index in range(6):
        shutil.copy(album / "photos" / "a.png", album / "photos" / f"c{index}.png")
    original, calls = stub_aligner.detect, itertools.count(1)

    def detect(self: Any, image: np.ndarray, **options: Any) -> Any:
        if next(calls) == 3:
            signal.raise_signal(getattr(signal, number))
        return original(self, image, **options)

    monkeypatch.setattr(stub_aligner, "detect", detect)
    before = signal.getsignal(getattr(signal, number))
    assert main(["align", "photos", "-o", "out", "--csv", "--json", "--export", "openface"]) == code
    assert signal.getsignal(getattr(signal, number)) == before
    assert rows_of(album / "out" / "landmarks.csv") == ["a.png", "c0.png", "c1.png"]
    assert len((album / "out" / "openface.csv").read_text().splitlines()) == 4
    assert len(list((album / "out").glob("*.json"))) == 3
    out = capsys.readouterr().out
    assert out == "3 photos, 3 faces, stopped before 6 more: wrote 5 files to out\n"


@pytest.mark.usefixtures("terminal_signals")
def test_a_second_ctrl_c_keeps_what_was_done(
    album: Path, stub_aligner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = stub_aligner.detect

    def detect(self: Any, image: np.ndarray, **options: Any) -> Any:
        if image.shape[0] == 30:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return original(self, image, **options)

    monkeypatch.setattr(stub_aligner, "detect", detect)
    assert main(["align", "photos", "-o", "out", "--csv"]) == 130
    assert rows_of(album / "out" / "landmarks.csv") == ["a.png"]


# Pipes and streams


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are others there")
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "arguments", [["align", "photos", "-o", "out", "--json"], ["weights", "list"], ["--help"]]
)
def test_nobody_reads_what_is_printed(
    album: Path,
    stub_aligner: Any,
    buffered: bool,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "wb", buffering=-1 if buffered else 0)
    output = io.TextIOWrapper(stream, encoding="utf-8", write_through=not buffered)  # type: ignore[type-var]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        try:
            code = main(arguments)
        except SystemExit as done:  # argparse passes over a closed pipe.
            code = int(done.code or 0)
    output.close()  # As when Python ends: must not fail.
    assert code in (0, 141)
    assert capsys.readouterr().err == ""
    assert arguments[0] != "align" or files_in(album / "out") == {"a.json", "empty.json", "sub/b.json"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("buffered", [True, False])
def test_printing_to_a_full_disk(
    album: Path,
    stub_aligner: Any,
    buffered: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        stream = open("/dev/full", "wb", buffering=-1 if buffered else 0)  # noqa: SIM115, PTH123
        patch.setattr(sys, "stdout", io.TextIOWrapper(stream, write_through=not buffered))  # type: ignore[type-var]
        assert main(["align", "photos", "-o", "out", "--json"]) == 1
        sys.stdout.close()
    assert "cannot print what was done" in capsys.readouterr().err
    assert files_in(album / "out") == {"a.json", "empty.json", "sub/b.json"}


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_without_a_stream(
    album: Path, stub_aligner: Any, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album / "photos" / "broken.png").write_text("no picture")
    with monkeypatch.context() as patch:
        # As Python has it where it is closed, or in a program without a console.
        patch.setattr(sys, stream, None)
        assert main(["align", "photos", "-o", "out", "--json"]) == 1
    assert files_in(album / "out") == {"a.json", "empty.json", "sub/b.json"}


def test_errors_that_nobody_reads_do_not_end_the_work(
    album: Path, stub_aligner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    (album / "photos" / "a.png").write_text("no picture")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Gone())
        assert main(["align", "photos", "-o", "out", "--json"]) == 1
    assert files_in(album / "out") == {"empty.json", "sub/b.json"}


# Combinations


@pytest.mark.parametrize("options", list(itertools.product([0, 1], repeat=4)))
def test_outputs_in_every_combination(album: Path, stub_aligner: Any, options: tuple[int, ...]) -> None:
    flags = (["--json"], ["--csv"], ["--draw"], ["--export", "pts"])
    chosen = [flag for flag, on in zip(flags, options, strict=True) if on]
    assert main(["align", "photos/a.png", "-o", "out", *itertools.chain.from_iterable(chosen)]) == 0
    names = ("a.json", "landmarks.csv", "a_landmarks.png", "a.pts")
    expected = {name for name, on in zip(names, options, strict=True) if on}
    assert files_in(album / "out") == (expected or {"a.json", "a_landmarks.png"})
