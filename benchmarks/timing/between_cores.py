"""How far apart two CPUs are: the time of a byte from one to the other and back.

Two threads that share the layers of a network hand it over a hundred times a face. On a virtual machine two
CPUs may be neighbours now and on other chips a minute later, which nothing else tells.
"""

import mmap
import os
import time

_TRIPS = 2000


def round_trip_nanoseconds() -> float | None:
    """The median of 2,000 trips between two processes on the last two CPUs of this one's; Python's own steps
    in it are some 300 ns. None with a single CPU, or where processes cannot be bound."""
    if not (hasattr(os, "sched_setaffinity") and hasattr(os, "fork")):
        return None
    mine = os.sched_getaffinity(0)
    if len(mine) < 2:
        return None
    here, there = sorted(mine)[-2:]
    with mmap.mmap(-1, mmap.PAGESIZE) as shared, memoryview(shared) as ball:
        child = os.fork()
        if child == 0:
            os.sched_setaffinity(0, {there})
            for trip in range(_TRIPS):
                _answer(ball, trip)
            os._exit(0)
        os.sched_setaffinity(0, {here})
        try:
            taken = sorted(_send(ball, trip) for trip in range(_TRIPS))
        finally:
            os.sched_setaffinity(0, mine)
            os.waitpid(child, 0)
    return float(taken[_TRIPS // 2])


def _send(ball: memoryview, trip: int) -> int:
    answer = (2 * trip + 2) % 256
    start = time.perf_counter_ns()
    ball[0] = (2 * trip + 1) % 256
    while ball[0] != answer:
        pass
    return time.perf_counter_ns() - start


def _answer(ball: memoryview, trip: int) -> None:
    while ball[0] != (2 * trip + 1) % 256:
        pass
    ball[0] = (2 * trip + 2) % 256
