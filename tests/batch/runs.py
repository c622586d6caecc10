"""Runs of a batch with the stub aligner."""

from pathlib import Path
from typing import Any

from face_alignment_3d.batch import run_batch
from tests.batch.conftest import rows
from tests.batch.stub_aligner import StubSource


def run(source: Path | str, destination: Path | str, **options: Any) -> Any:
    options = {"aligner": StubSource(), "task_size": 7} | options
    return run_batch(str(source), str(destination), **options)


def failures(destination: Path) -> dict[str, str]:
    """Key -> reason."""
    return {row["image"]: row["reason"] for row in rows(destination, "failures")}
