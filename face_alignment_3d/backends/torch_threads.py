"""How many threads torch works with on a CPU."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from face_alignment_3d.backends.cores import fair_threads, usable_cores


@contextmanager
def considerate_threads() -> Iterator[None]:
    """Runs what is inside with fewer threads of torch where the process may not use, or would not get, as many
    cores; the caller's number is back afterwards. It is never raised.

    torch itself knows nothing of a container's limit of CPU time, nor of what other processes run.
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
