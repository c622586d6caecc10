"""A run learns, goes on where it was stopped, with the same bits, and exports."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from face_alignment_3d.detection.scout.weights_file import load_scout
from face_alignment_3d.errors import DataError
from face_alignment_3d.training.detection import recipe, trainer
from face_alignment_3d.training.detection.config import ScoutConfig
from face_alignment_3d.training.detection.recipe import run_scout_recipe
from face_alignment_3d.training.engine import training_loop
from face_alignment_3d.training.engine.training_loop import TrainingStopped
from tests.training.detection.made_photos import make_data

_CONFIG = ScoutConfig(steps=6, batch_size=4, size=64, warmup_steps=2, precision="fp32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scout-run")
    make_data(folder / "data", folder / "derived")
    return folder


@pytest.fixture(autouse=True)
def _no_photos_to_validate_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "validate_scout", lambda network, data: {"scenes AP": 12.345})


def _run(folder: Path, out: Path, config: ScoutConfig = _CONFIG, report=lambda line: None):  # type: ignore[no-untyped-def]
    return run_scout_recipe(
        config,
        folder / "data",
        folder / "derived",
        out,
        device=torch.device("cpu"),
        command="face-alignment-3d train scout",
        report=report,
    )


def test_a_run_that_was_stopped_ends_with_the_same_bits(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal_signals: None
) -> None:
    entry = _run(folder, tmp_path / "whole")
    assert (entry.name, entry.kind, entry.metrics["scenes AP"]) == ("scout", "scout", 12.35)
    whole = tmp_path / "whole" / entry.file
    assert entry.bytes == whole.stat().st_size
    load_scout(whole)
    assert (
        json.loads((tmp_path / "whole" / "scout.manifest.json").read_text())["weights"][0]["kind"] == "scout"
    )

    losses = trainer.scout_losses
    calls = []

    def stopping(*arguments):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGTERM)
        return losses(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "scout_losses", stopping)
        with pytest.raises(TrainingStopped) as stopped:
            _run(folder, tmp_path / "parts")
    assert stopped.value.exit_code == 143
    lines: list[str] = []
    _run(folder, tmp_path / "parts", report=lines.append)
    assert any(line.startswith("resumed at step 3 from ") for line in lines)
    assert (tmp_path / "parts" / entry.file).read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("every", "expected"), [(3, 2), (4, 2), (6, 1), (7, 1)])
def test_the_last_step_is_validated_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, expected: int
) -> None:
    calls: list[str] = []

    def validated(network: object, data: Path) -> dict[str, float]:
        calls.append("validated")
        return {"calls": len(calls)}

    monkeypatch.setattr(recipe, "validate_scout", validated)
    entry = _run(folder, tmp_path / "run", replace(_CONFIG, validate_every=every))
    assert len(calls) == expected == entry.metrics["calls"]
    # The run that is over already has nothing kept to answer with.
    assert (
        _run(folder, tmp_path / "run", replace(_CONFIG, validate_every=every)).metrics["calls"]
        == expected + 1
    )


def test_it_learns(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_loop, "_REPORT_EVERY", 20)
    lines: list[str] = []
    _run(folder, tmp_path / "run", replace(_CONFIG, steps=60, batch_size=8), lines.append)
    said = [re.findall(r"(score|box|roll) ([\d.]+)", line) for line in lines if line.startswith("step")]
    for (name, first), (_, last) in zip(said[0], said[-1], strict=True):
        assert float(last) < float(first), name


def test_a_folder_of_another_run_is_refused(folder: Path, tmp_path: Path) -> None:
    _run(folder, tmp_path / "run", replace(_CONFIG, steps=1))
    with pytest.raises(DataError, match="another learning_rate, seed, steps"):
        _run(folder, tmp_path / "run", replace(_CONFIG, seed=2, learning_rate=1.0))
    (tmp_path / "run" / "config.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="not JSON"):
        _run(folder, tmp_path / "run")


def test_labels_of_no_use_end_the_run_with_a_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan = torch.tensor(np.nan, requires_grad=True)
    monkeypatch.setattr(trainer, "scout_losses", lambda *_: {"score": nan, "box": nan, "roll": nan})
    with pytest.raises(DataError, match="not finite at step 0"):
        _run(folder, tmp_path / "run")
