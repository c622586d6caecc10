"""Two processes on one machine, as torchrun starts them, against one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from face_alignment_3d.training.engine.processes import Processes
from tests.training import shared_training
from tests.training.shared_training import all_steps

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The folder that two processes wrote, and their exit codes."""
    out = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-m", shared_training.__name__, str(out)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=180)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return out, [process.returncode for process in started], "\n".join(errors)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp("one")
    all_steps(Processes(torch.device("cpu")), out)
    return out


# Of the norm of a tensor. In single precision a rounding decides here and there whether a ReLU lets through.
@pytest.mark.parametrize(("kind", "tolerance"), [("paper", 1e-4), ("compact", 3e-2)])
def test_gradients_are_those_of_one_process(together, alone, kind, tolerance):
    out, _, errors = together
    expected = load_file(alone / f"{kind}-gradients-0.safetensors")
    longest = max(gradient.norm() for gradient in expected.values())
    for rank in range(2):
        path = out / f"{kind}-gradients-{rank}.safetensors"
        assert path.exists(), errors
        gradients = load_file(path)
        assert gradients.keys() == expected.keys()
        for name, gradient in expected.items():
            # Some are zero but for rounding: those of biases before a batch norm or a softmax.
            limit = tolerance * gradient.norm() + 1e-6 * longest
            assert (gradients[name] - gradient).norm() < limit, name
    assert sum(gradient.norm() > 1e-4 * longest for gradient in expected.values()) > len(expected) / 2


@pytest.mark.parametrize("kind", ["paper", "compact"])
def test_weights_and_batch_norm_statistics_are_those_of_one_process(together, alone, kind):
    out, _, errors = together
    assert (out / f"{kind}.safetensors").exists(), errors
    expected, found = (load_file(folder / f"{kind}.safetensors") for folder in (alone, out))
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


def test_when_one_is_told_to_stop_all_save_and_stop_at_the_same_step(together):
    out, codes, errors = together
    assert codes == [143, 143], errors
    with safe_open(out / "stopped.safetensors", framework="pt") as file:
        assert file.metadata()["step"] == str(shared_training.STOPPED_AFTER)


def test_no_thread_of_the_processes_group_is_left_at_the_end(together):
    """One that is ends the process with SIGABRT, now and then, when the interpreter goes first."""
    out, _, errors = together
    for rank in range(2):
        assert (out / f"threads-{rank}.txt").exists(), errors
        assert "gloo" not in (out / f"threads-{rank}.txt").read_text()
