"""Keeping the program's global torch settings away from this library's networks, and unchanged."""

import functools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import Final

import torch

from face_alignment_3d.cores import fair_threads, usable_cores

#: Held while networks are loaded. Recording and exporting them work with variables of the whole process:
#: those of ``torch.jit.trace`` and the filters of warnings, which two threads would leave changed.
_ONE_AT_A_TIME: Final = RLock()

if hasattr(os, "register_at_fork"):  # Not on Windows, which cannot fork. A fork waits until it is free.
    os.register_at_fork(
        before=_ONE_AT_A_TIME.acquire,
        after_in_parent=_ONE_AT_A_TIME.release,
        after_in_child=_ONE_AT_A_TIME.release,
    )


@contextmanager
def own_loading() -> Iterator[None]:
    """For building and loading networks on the CPU, unaffected by the caller's torch settings.

    One thread at a time does so; others wait.

    The caller's default device, inference mode (whose tensors can be used nowhere else), gradient mode and
    autocast have no effect. A default type other than float32 does have one: networks need ``.float()``
    before weights are loaded.
    """
    with (
        _ONE_AT_A_TIME,
        torch.device("cpu"),
        torch.inference_mode(False),
        torch.no_grad(),
        own_precision("cpu"),
    ):
        yield


@contextmanager
def own_inference(device_type: str, dtype: torch.dtype = torch.float32) -> Iterator[None]:
    """For running a network, with convolutions in ``dtype``; on the CPU with :func:`considerate_threads`."""
    threads = considerate_threads() if device_type == "cpu" else nullcontext()
    with torch.inference_mode(), own_precision(device_type, dtype), threads:
        yield


def own_precision(device_type: str, dtype: torch.dtype = torch.float32) -> AbstractContextManager[object]:
    """Autocast to ``dtype`` on that kind of device, none for float32; the caller's autocast has no effect."""
    mixed = dtype != torch.float32
    try:
        return torch.autocast(device_type, dtype if mixed else torch.bfloat16, enabled=mixed)
    except RuntimeError:  # This torch has no autocast for the device, so that no caller can have set it.
        return nullcontext()


@contextmanager
def considerate_threads() -> Iterator[None]:
    """Limits torch's threads inside to the cores that the process may use and would get.

    The caller's number is restored afterwards, and it is never raised. torch itself considers neither a
    container's limit of CPU time nor the load of other processes. Last digits of some layers depend on the
    number, so ``torch.use_deterministic_algorithms(True)`` has the load ignored.
    """
    threads = torch.get_num_threads()
    fewer = min(threads, _cores())
    if not torch.are_deterministic_algorithms_enabled():
        fewer = fair_threads(fewer)
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
    """The usable cores, counted once: counting takes a while, and the number hardly ever changes."""
    return usable_cores()
