"""Keeping what a program has set in torch away from this library's networks, without setting anything."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch


@contextmanager
def own_loading() -> Iterator[None]:
    """For building and loading networks, on the CPU: another default device, inference mode (whose tensors
    serve nowhere else), gradients and autocast of the caller do not reach them.

    A default type other than float32 does: what is built needs ``.float()``, before weights are loaded.
    """
    with torch.device("cpu"), torch.inference_mode(False), torch.no_grad(), own_precision("cpu"):
        yield


@contextmanager
def own_inference(device_type: str, dtype: torch.dtype = torch.float32) -> Iterator[None]:
    """For running a network whose convolutions are in ``dtype``."""
    with torch.inference_mode(), own_precision(device_type, dtype):
        yield


def own_precision(device_type: str, dtype: torch.dtype = torch.float32) -> AbstractContextManager[object]:
    """Autocast to ``dtype`` on that kind of device, none for float32, whatever the caller has set."""
    mixed = dtype != torch.float32
    try:
        return torch.autocast(device_type, dtype if mixed else torch.bfloat16, enabled=mixed)
    except RuntimeError:  # This torch has no autocast for the device, so that no caller can have set it.
        return nullcontext()
