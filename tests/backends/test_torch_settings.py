"""A program's torch settings have no effect on the network, and are not changed by it.

Each setting is tried on a backend that was used before, on one that was made but not used, and on one that is
made while it is set; and afterwards, without it, on each of them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from face_alignment_3d.backends.torch_backend import TorchBackend

TOLERANCE = 1e-3


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def _default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def _deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


SETTINGS = {
    "autocast in bfloat16": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast in float16": lambda: torch.autocast("cpu", torch.float16),
    "default dtype float64": lambda: _default_dtype(torch.float64),
    "default dtype bfloat16": lambda: _default_dtype(torch.bfloat16),
    "device context meta": lambda: torch.device("meta"),
    "default device meta": lambda: _default_device("meta"),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "gradients": torch.enable_grad,
    "deterministic algorithms": _deterministic,
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True, check_nan=True),
    "no oneDNN": lambda: torch.backends.mkldnn.flags(enabled=False),
}


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def used(crops: np.ndarray) -> TorchBackend:
    backend = TorchBackend("lite", device="cpu")
    backend.run(crops)
    return backend


@pytest.fixture(scope="module")
def expected(used: TorchBackend, crops: np.ndarray) -> np.ndarray:
    return used.run(crops).points


def _state() -> dict[str, object]:
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.empty(0).device,
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": (torch.is_autocast_cpu_enabled(), torch.get_autocast_cpu_dtype()),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "random": torch.get_rng_state().tolist(),
        "oneDNN": torch.backends.mkldnn.enabled,
        "precision": torch.get_float32_matmul_precision(),
    }


@pytest.mark.filterwarnings("ignore:In CPU autocast", "ignore:Anomaly Detection")
@pytest.mark.parametrize("name", list(SETTINGS))
def test_settings_of_the_caller(
    name: str, used: TorchBackend, crops: np.ndarray, expected: np.ndarray
) -> None:
    not_used = TorchBackend("lite", device="cpu")
    with SETTINGS[name]():
        before = _state()
        made_inside = TorchBackend("lite", device="cpu")
        backends = {"used": used, "not used": not_used, "made inside": made_inside}
        for what, backend in backends.items():
            found = backend.run(crops)
            assert found.points.dtype == found.confidence.dtype == np.float32
            np.testing.assert_allclose(found.points, expected, atol=TOLERANCE, rtol=0, err_msg=what)
        assert _state() == before
    for what, backend in backends.items():
        np.testing.assert_allclose(
            backend.run(crops).points, expected, atol=TOLERANCE, rtol=0, err_msg=f"{what}, afterwards"
        )


@pytest.mark.parametrize("name", ["default dtype float64", "device context meta", "autocast in bfloat16"])
def test_settings_beside_16_bits(name: str, crops: np.ndarray) -> None:
    """There Python is between the operations, and autocast is ours."""
    expected = TorchBackend("lite", device="cpu", dtype="bfloat16").run(crops).points
    with SETTINGS[name]():
        found = TorchBackend("lite", device="cpu", dtype="bfloat16").run(crops).points
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)


def test_threads_stay_as_many_as_the_program_has_set(crops: np.ndarray, expected: np.ndarray) -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found = TorchBackend("lite", device="cpu").run(crops).points
            assert torch.get_num_threads() == threads
            np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)
    finally:
        torch.set_num_threads(before)


def test_without_torchscript(crops: np.ndarray, expected: np.ndarray) -> None:
    code = """
import json, sys
import numpy as np
from face_alignment_3d.backends.torch_backend import TorchBackend
crops = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
print(json.dumps(TorchBackend("lite", device="cpu").run(crops).points.tolist()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTORCH_JIT": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=TOLERANCE, rtol=0)
