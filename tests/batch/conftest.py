"""Collections of small pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from face_alignment_3d.batch.progress import Advanced, Event, TaskDone
from face_alignment_3d.batch.task_worker import BatchJob, TaskWorker


def picture(file: Path, *, width: int = 12, color: tuple[int, int, int] = (200, 150, 120)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 8), color).save(file)
    return file


def files_in(folder: Path) -> dict[str, bytes]:
    """Name -> content of all but the lock."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "_state/lock"}


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / table).to_pylist()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """40 pictures in three folders with 0 to 3 faces each, two that are damaged, and a text."""
    folder = tmp_path / "album"
    colors = np.random.default_rng(0).integers(0, 200, (40, 3)).tolist()
    for index, color in enumerate(colors):
        where = folder / ("", "summer", "summer/beach")[index % 3]
        picture(where / f"{index:02}.png", width=9 + index % 30, color=tuple(color))
    (folder / "summer" / "cut.png").write_bytes((folder / "summer" / "01.png").read_bytes()[:50])
    (folder / "none.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("notes")
    return folder


def in_this_process(
    job: BatchJob, tasks: Sequence[int], *, processes: int, threads: int, should_stop: Any
) -> Iterator[Event]:
    """In place of :func:`run_in_processes`, whose processes take time to start."""
    worker = TaskWorker(job, threads=threads)
    for task in tasks:
        if should_stop():
            return
        counts = worker.run(task)
        yield Advanced(counts.images + counts.failures)
        yield TaskDone(task, counts)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches work in the tests' process."""
    monkeypatch.setattr("face_alignment_3d.batch.run.run_in_processes", in_this_process)
