"""Batches in processes of their own, some of which die."""

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from face_alignment_3d.batch.attempts import FATAL
from face_alignment_3d.batch.progress import Advanced, Event
from face_alignment_3d.errors import BatchError, WeightsError
from tests.batch import runs
from tests.batch.conftest import files_in, in_this_process, picture, rows
from tests.batch.stub_aligner import DEADLY, StubAligner, StubSource

run = partial(runs.run, workers=2)
needs_kill = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


@pytest.fixture
def undisturbed(album: Path, tmp_path: Path) -> dict[str, bytes]:
    """The files that a run in one process writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("face_alignment_3d.batch.run.run_in_processes", in_this_process)
        run(album, tmp_path / "undisturbed")
    return files_in(tmp_path / "undisturbed")


def test_processes_write_the_same_files(album: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    events: list[Event] = []
    assert run(album, tmp_path / "out", report=events.append).complete
    assert files_in(tmp_path / "out") == undisturbed
    assert sum(event.images for event in events if isinstance(event, Advanced)) == 42
    assert not multiprocessing.active_children()


@needs_kill
def test_the_task_of_a_killed_process_is_done_again(
    album: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    killed: list[int] = []
    advanced = 0

    def kill_one(event: Event) -> None:
        nonlocal advanced
        if isinstance(event, Advanced):
            advanced += event.images
            if not killed:
                killed.append(multiprocessing.active_children()[0].pid or 0)
                os.kill(killed[0], signal.SIGKILL)

    # Slow enough that it dies in the middle.
    aligner = StubSource(seconds=0.02)
    assert run(album, tmp_path / "out", aligner=aligner, report=kill_one).complete
    assert killed
    assert files_in(tmp_path / "out") == undisturbed
    assert advanced == 42


@needs_kill
def test_an_image_that_ends_the_process_is_a_failure(album: Path, tmp_path: Path) -> None:
    picture(album / "deadly.png", color=DEADLY)
    summary = run(album, tmp_path / "out", workers=1, task_size=50)
    assert summary.complete
    assert (summary.counts.images, summary.counts.failures) == (40, 3)
    (row,) = [row for row in rows(tmp_path / "out", "failures") if row["image"] == "deadly.png"]
    assert row["reason"] == FATAL
    assert len({row["image"] for row in rows(tmp_path / "out", "images")}) == 40


def test_stopping_leaves_only_what_is_whole(
    album: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    seen: list[Event] = []
    options: dict[str, Any] = {"aligner": StubSource(seconds=0.05), "report": seen.append}
    stopped = run(album, tmp_path / "out", **options, should_stop=lambda: len(seen) > 1)
    assert not stopped.complete
    assert not [name for name in files_in(tmp_path / "out") if name.endswith(".part")]
    assert run(album, tmp_path / "out", workers=1).complete
    assert files_in(tmp_path / "out") == undisturbed


@dataclass(frozen=True)
class _Broken(StubSource):
    def open(self, *, threads: int, index: int = 0) -> StubAligner:
        raise WeightsError("weights 'stub' are damaged; get them again")


@dataclass(frozen=True)
class _Fatal(StubSource):
    def open(self, *, threads: int, index: int = 0) -> StubAligner:
        os._exit(7)


def test_what_cannot_be_loaded_is_raised(album: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="weights 'stub' are damaged"):
        run(album, tmp_path / "out", aligner=_Broken(), workers=1)


def test_processes_that_always_die_are_given_up(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("face_alignment_3d.batch.pool._MOST_EARLY_DEATHS", 2)
    with pytest.raises(BatchError, match="ended with exit code 7"):
        run(album, tmp_path / "out", aligner=_Fatal(), workers=1)
