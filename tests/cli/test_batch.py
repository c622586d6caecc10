"""``batch`` on the command line: what it prints, its exit codes, and a real aligner in a process."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.batch.progress import Advanced, Event
from face_alignment_3d.cli import batch, main
from tests.batch.conftest import in_this_process, picture
from tests.batch.stub_aligner import StubSource


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("face_alignment_3d.batch.run.run_in_processes", in_this_process)
    monkeypatch.setattr(batch, "_aligner", lambda args: StubSource())


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: photos/00.png ... with 0 to 2 faces."""
    for index in range(40):
        picture(tmp_path / "photos" / f"{index:02}.png", width=5 + 10 * (index % 3))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("stub")
def test_what_is_printed(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "photos", "out"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "40 images, 39 faces, 14 without a face: in out\n"
    assert captured.err == ""
    assert main(["batch", "photos", "out"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "40 images, 39 faces, 14 without a face, 40 of them done before: in out\n"
    assert captured.err == "going on: 40 of about 40 images are done\n"


@pytest.mark.usefixtures("stub")
def test_failed_images_give_1_also_when_they_failed_before(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "photos" / "bad.png").write_text("no picture")
    for _ in range(2):
        assert main(["batch", "photos", "out"]) == 1
        assert ", 1 failed" in capsys.readouterr().out


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "out"], "there is no file or folder nowhere"),
        (["empty", "out"], "the source has no pictures"),
        (["photos", "photos"], "other files, such as 00.png, and no manifest.json"),
    ],
)
def test_what_cannot_begin_gives_2(
    photos: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "empty").mkdir()
    assert main(["batch", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert main(["batch", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("stub", "terminal_signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal(
    photos: Path, number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = batch._Progress.report

    def stopping(self: Any, event: Event) -> None:
        report(self, event)
        if isinstance(event, Advanced):
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(batch._Progress, "report", stopping)
        assert main(["batch", "photos", "out"]) == code
    assert "; stopped early: the same command goes on" in capsys.readouterr().out
    assert main(["batch", "photos", "out"]) == 0
    assert len(pq.read_table("out/images")) == 40


@pytest.mark.usefixtures("stub")
def test_progress_without_a_terminal(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "_BETWEEN_LINES", 0)
    main(["batch", "photos", "out"])
    lines = capsys.readouterr().err.splitlines()
    assert re.search(r"16/40 \[.*<.*image/s\]$", next(line for line in lines if "16/40" in line))
    assert "40/40" in lines[-1]


@pytest.mark.usefixtures("stub")
def test_videos_that_are_left_out_are_told(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "photos" / "clip.mp4").write_bytes(b"")
    assert main(["batch", "photos", "out"]) == 0
    assert capsys.readouterr().err == "left out 1 video; --every N takes each N-th frame\n"


@pytest.mark.parametrize("words", [["--every", "0"], ["--workers", "x"], ["--actor-gpus", "-1"]])
def test_values_that_make_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["batch", "photos", "out", *words])
    assert "expected a" in capsys.readouterr().err


def test_a_real_aligner_finds_what_it_finds_elsewhere(
    tmp_path: Path, lite_graph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = Image.fromarray(skimage.data.astronaut())
    (tmp_path / "photos").mkdir()
    for size in (200, 300):
        photo.resize((size, size)).save(tmp_path / "photos" / f"{size}.png")
    words = ["--weights", str(lite_graph), "--workers", "1", "--blendshapes", "--offline"]
    assert main(["batch", str(tmp_path / "photos"), str(tmp_path / "out"), *words]) == 0
    rows = pq.read_table(tmp_path / "out" / "faces").to_pylist()
    aligner = FaceAligner3D(lite_graph, threads=1, blendshapes=True)
    for row, size in zip(rows, (200, 300), strict=True):
        (face,) = aligner.detect(str(tmp_path / "photos" / f"{size}.png"))
        assert row["image"] == f"{size}.png"
        np.testing.assert_allclose(np.reshape(row["landmarks"], (66, 3)), face.landmarks, atol=0.01)
        np.testing.assert_allclose(row["visibility"], face.visibility, atol=1e-3)
        assert face.blendshapes is not None
        np.testing.assert_allclose(row["blendshapes"], face.blendshapes.array, atol=1e-3, equal_nan=True)
        assert row["yaw"] == pytest.approx(face.pose.yaw, abs=0.1)
