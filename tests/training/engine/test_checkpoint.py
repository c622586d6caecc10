import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.engine.checkpoint import load_checkpoint, save_checkpoint
from tests.training.small_cascade import seeded_cascade


def _run(seed):
    """A cascade, its average and an optimizer, as a run holds them."""
    cascade = seeded_cascade(seed).to(memory_format=torch.channels_last)
    average = seeded_cascade(seed + 100)
    return {
        "network": cascade,
        "average": average,
        "optimizer": torch.optim.AdamW(cascade.parameters(), lr=1e-3),
    }


def _advance(run, steps=2):
    optimizer = run["optimizer"]
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        for parameter in run["network"].parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.grad = torch.empty_like(parameter).copy_(noise)
        optimizer.step()


def _states_equal(first, second):
    weights = all(
        torch.equal(tensor, second[part].state_dict()[name])
        for part in ("network", "average")
        for name, tensor in first[part].state_dict().items()
    )
    states, others = (run["optimizer"].state_dict()["state"] for run in (first, second))
    return (
        weights
        and states.keys() == others.keys()
        and all(torch.equal(states[i][key], others[i][key]) for i in states for key in states[i])
    )


@pytest.fixture
def saved(tmp_path):
    run = _run(1)
    _advance(run)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, step=17, **run)
    return path, run


def test_round_trip_is_exact(saved):
    path, run = saved
    other = _run(2)
    assert not _states_equal(run, other)
    assert load_checkpoint(path, **other) == 17
    assert _states_equal(run, other)
    _advance(run, 3)
    _advance(other, 3)
    assert _states_equal(run, other)


def test_what_is_restored_lies_in_memory_as_before(saved):
    path, run = saved
    other = _run(2)
    load_checkpoint(path, **other)
    for first, second in zip(run["network"].parameters(), other["network"].parameters(), strict=True):
        assert first.stride() == second.stride()
        for key in ("exp_avg", "exp_avg_sq"):
            states = run["optimizer"].state[first][key], other["optimizer"].state[second][key]
            assert states[0].stride() == states[1].stride()


def test_before_the_first_step_there_is_no_optimizer_state(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, step=0, **_run(1))
    assert load_checkpoint(path, **_run(2)) == 0


def test_only_the_file_is_left_behind(saved):
    path, run = saved
    save_checkpoint(path, step=18, **run)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("fails", ["write", "replace"])
def test_a_failure_midway_leaves_the_old_file(saved, monkeypatch, fails):
    path, run = saved
    before = path.read_bytes()
    _advance(run)

    def fail(*_args, **_kwargs):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        if fails == "write":
            patch.setattr("os.fsync", fail)
        else:
            patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="disk is full"):
            save_checkpoint(path, step=18, **run)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert load_checkpoint(path, **_run(2)) == 17


def _spoil(path, damage):
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    if damage == "empty":
        path.write_bytes(b"")
        return
    if damage == "text":
        path.write_text("this is no checkpoint")
        return
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:-1000])
        return
    if damage == "weights only":
        tensors = {n.removeprefix("average."): t for n, t in tensors.items() if n.startswith("average.")}
    elif damage == "no metadata":
        metadata = None
    elif damage == "no step":
        metadata = {"something": "else"}
    elif damage == "step is no number":
        metadata = {"step": json.dumps([1])}
    elif damage == "parameter missing":
        del tensors["network.detection.score.weight"]
    elif damage == "parameter of another shape":
        tensors["average.detection.score.bias"] = torch.zeros(3)
    elif damage == "no optimizer":
        tensors = {n: t for n, t in tensors.items() if not n.startswith("optimizer.")}
    elif damage == "optimizer of another shape":
        tensors["optimizer.0.exp_avg"] = torch.zeros(3)
    elif damage == "optimizer of more parameters":
        tensors["optimizer.100000.exp_avg"] = torch.zeros(3)
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    "damage",
    [
        "empty",
        "text",
        "cut short",
        "weights only",
        "no metadata",
        "no step",
        "step is no number",
        "parameter missing",
        "parameter of another shape",
        "no optimizer",
        "optimizer of another shape",
        "optimizer of more parameters",
    ],
)
def test_a_broken_or_foreign_file_is_named(saved, damage):
    path, _ = saved
    _spoil(path, damage)
    with pytest.raises(DataError, match=r"checkpoint\.safetensors.*--out"):
        load_checkpoint(path, **_run(2))


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(OSError, match=r"No space left on device: '.*/checkpoint\.safetensors'"):
        save_checkpoint(path, step=1, **_run(0))
    assert list(tmp_path.iterdir()) == []
