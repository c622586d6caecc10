"""The distance between two CPUs: the time of a byte from one to the other and back.

Two threads that share the layers of a network hand it over a hundred times a face. On a virtual machine two
CPUs may be neighbors now and on other chips ten seconds later, which nothing else tells.
"""

import mmap
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_TRIPS = 2000
#: Round trips of more than this multiple of the shortest are between CPUs that are far from each other.
_FAR = 1.5
#: Tries in which the shortest is found, and seconds between tries.
_TRIES, _PAUSE = 20, 0.5


@dataclass
class Nearness:
    """Waits for the two CPUs to be near each other: ``patience`` seconds in all, some of them at once."""

    patience: float
    at_once: float = 10.0
    measure: Callable[[], float | None] = field(default_factory=lambda: round_trip_nanoseconds)
    pause: Callable[[float], None] = time.sleep
    round_trips_ns: list[float] = field(default_factory=list)
    """Those with which bursts began."""
    waited: float = 0.0
    _shortest: float | None = None

    def wait(self) -> None:
        """Returns when they are near, or when patience ends; at once where it cannot be told."""
        if self.patience <= 0 or (trip := self.measure()) is None:
            return
        if self._shortest is None:
            self._shortest = trip
            for _ in range(_TRIES):
                self.pause(_PAUSE)
                self._shortest = min(self._shortest, self.measure() or trip)
        until = min(self.waited + self.at_once, self.patience)
        while trip > _FAR * self._shortest and self.waited < until:
            self.pause(_PAUSE)
            self.waited += _PAUSE
            trip = self.measure() or trip
            self._shortest = min(self._shortest, trip)
        self.round_trips_ns.append(trip)

    @property
    def far(self) -> int:
        """The number of bursts that began although the CPUs were far from each other."""
        shortest = self._shortest or 0.0
        return sum(trip > _FAR * shortest for trip in self.round_trips_ns)


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
