"""The benchmark of long runs: it measures, and finds what grows."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

if not Path("/proc/self/status").exists():
    pytest.skip("reads Linux's /proc", allow_module_level=True)

import long_runs
from long_runs import Run

FLAT = Run("crops", "onnx", "nano", list(range(10, 210, 10)), [100.0] * 20, [80.0] * 20, [5] * 20, 200)


def test_growth_is_counted_from_the_beginning() -> None:
    assert FLAT.growth == 0
    assert FLAT.is_flat
    warm = replace(FLAT, megabytes=[50.0, *FLAT.megabytes[1:]])
    assert warm.is_flat
    for name in ("megabytes", "private"):
        leaking = replace(FLAT, **{name: list(np.linspace(80, 110, 20))})
        assert leaking.growth == pytest.approx(30 * 18 / 19)
        assert not leaking.is_flat
    assert not replace(FLAT, open_files=[5] * 19 + [6]).is_flat


def test_photos_of_mixed_sizes_may_gain_more_but_from_the_start_on() -> None:
    grown = replace(FLAT, megabytes=[60.0, *[100.0] * 19])
    assert grown.is_flat
    assert replace(grown, task="photos").is_flat
    assert replace(grown, task="photos").growth == 40
    assert not replace(grown, task="photos", megabytes=[40.0, *[100.0] * 19]).is_flat


def test_frames_differ_and_some_show_nobody() -> None:
    assert np.ptp(long_runs.frame_of(4 * 400)) == 0
    assert (long_runs.frame_of(7) != long_runs.frame_of(8)).any()


@pytest.mark.parametrize("task", long_runs.TASKS)
def test_a_small_run(task: str) -> None:
    run = long_runs.measure(task, "torch", "nano", 40)
    assert run.done[-1] == 40
    assert len(run.done) == len(run.megabytes) == len(run.private) == len(run.open_files)
    assert 50 < run.private[-1] < run.megabytes[-1]
    assert run.faces == 40 if task == "crops" else run.faces > 10


def test_finished_runs_are_written_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for task in long_runs.TASKS:
        for backend in long_runs.BACKENDS:
            run = replace(FLAT, task=task, backend=backend)
            (tmp_path / f"{task}-{backend}.json").write_text(json.dumps(vars(run)))
    words = ["long_runs.py", "--parts", str(tmp_path), "--output", str(tmp_path / "long_runs")]
    monkeypatch.setattr("sys.argv", words)
    assert long_runs.main() == 0
    assert len(json.loads((tmp_path / "long_runs.json").read_text())["runs"]) == 6
    table = (tmp_path / "long_runs.md").read_text()
    assert "| 200 crops | onnx | nano | 20 | 100.0 | 100.0 | +0.0 (20) |" in table
    assert (tmp_path / "long_runs.png").stat().st_size > 1000
