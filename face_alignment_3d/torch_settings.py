"""Keeping what a program has set in torch away from this library's networks, and leaving it set."""

import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from face_alignment_3d.cores import fair_threads, usable_cores


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
    """For running a network, convolutions in ``dtype``; on the CPU with :func:`considerate_threads`."""
    threads = considerate_threads() if device_type == "cpu" else nullcontext()
    with torch.inference_mode(), own_precision(device_type, dtype), threads:
        yield


def own_precision(device_type: str, dtype: torch.dtype = torch.float32) -> AbstractContextManager[object]:
    """Autocast to ``dtype`` on that kind of device, none for float32, whatever the caller has set."""
    mixed = dtype != torch.float32
    try:
        return torch.autocast(device_type, dtype if mixed else torch.bfloat16, enabled=mixed)
    except RuntimeError:  # This torch has no autocast for the device, so that no caller can have set it.
        return nullcontext()


@contextmanager
def considerate_threads() -> Iterator[None]:
    """Fewer threads of torch inside where the process may not use, or would not get, as many cores.

    The caller's number is back afterwards, and it is never raised. torch itself knows nothing of a
    container's limit of CPU time, nor of what other processes run.
    """
    threads = torch.get_num_threads()
    fewer = fair_threads(min(threads, _cores()))
    if fewer == threads:
        yield
        return
    torch.set_num_threads(fewer)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@functools.cache
def _cores() -> int:
    """Counted once: it takes a while, and changes hardly ever."""
    return usable_cores()
