"""Batches in processes of their own, some of which die."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from face_alignment_3d.batch import run_batch
from face_alignment_3d.batch.progress import Event, TaskDone
from face_alignment_3d.errors import BatchError
from tests.batch.conftest import files_in, picture, rows
from tests.batch.stub_aligner import DEADLY, StubSource


def run(source: Path, destination: Path, **options: Any) -> Any:
    options = {"aligner": StubSource(), "task_size": 7, "workers": 2} | options
    return run_batch(str(source), str(destination), **options)


def test_processes_write_the_same_files(album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(album, tmp_path / "three", workers=3)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "three")


def test_an_image_that_ends_the_process_is_a_failure(album: Path, tmp_path: Path) -> None:
    picture(album / "deadly.png", color=DEADLY)
    summary = run(album, tmp_path / "out")
    assert summary.complete
    assert (summary.counts.images, summary.counts.failures) == (40, 3)
    (row,) = [row for row in rows(tmp_path / "out", "failures") if row["image"] == "deadly.png"]
    assert row["reason"] == "the process was ended by SIGKILL while it worked on this image"


