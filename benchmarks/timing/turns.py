"""Contenders take turns, so that a noisy moment of the machine hits all of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

#: Threads of the contender before may still spin, waiting for work.
_PAUSE_SECONDS = 0.05
_LONGEST_BURST = 20
_PILOT_CALLS = 5


class Timed(Protocol):
    """A participant in the turns: a :class:`timing.worker.Worker` whose task is prepared."""

    def time(self, calls: int, *, untimed: int = 0) -> tuple[list[float], dict[str, list[float]]]:
        """Milliseconds of each call, and of its parts."""
        ...


@dataclass(frozen=True)
class Effort:
    """The amount of measuring."""

    rounds: int = 20
    seconds: float = 5.0
    """For a task of a contender, roughly; a call that takes longer is made ``least`` times nonetheless."""
    least: int = 5
    starts: int = 9
    """Processes started for each measurement of a start."""


QUICK = Effort(rounds=2, seconds=0.1, least=1, starts=1)


@dataclass
class Samples:
    """Milliseconds of calls, and of parts of them."""

    milliseconds: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)

    def add(self, milliseconds: list[float], parts: Mapping[str, list[float]]) -> None:
        self.milliseconds += milliseconds
        for name, values in parts.items():
            self.parts.setdefault(name, []).extend(values)


def schedule(milliseconds: float, effort: Effort) -> list[int]:
    """The number of calls in each round, for calls that take so long.

    Rounds may be left out, with 0 calls; these are spread evenly.
    """
    wanted = max(effort.least, int(1000 * effort.seconds / max(milliseconds, 1e-3)))
    if wanted >= effort.rounds:
        return [min(wanted // effort.rounds, _LONGEST_BURST)] * effort.rounds
    chosen = {(2 * turn + 1) * effort.rounds // (2 * wanted) for turn in range(wanted)}
    return [int(index in chosen) for index in range(effort.rounds)]


def take_turns(
    workers: Mapping[str, Timed], effort: Effort, *, before: Callable[[], None] = lambda: None
) -> dict[str, Samples]:
    """The samples of each worker. Each turn begins with ``before`` and a call that is not counted, after
    which caches hold what they would hold in steady use; calls of over a second do without."""
    pilots = {name: _pilot(worker) for name, worker in workers.items()}
    plans = {name: schedule(pilot, effort) for name, pilot in pilots.items()}
    samples = {name: Samples() for name in workers}
    for index in range(effort.rounds):
        for name, worker in workers.items():
            if calls := plans[name][index]:
                time.sleep(_PAUSE_SECONDS)
                before()
                samples[name].add(*worker.time(calls, untimed=int(pilots[name] < 1000)))
    return samples


def _pilot(worker: Timed) -> float:
    """About how long a call takes, once it is warm."""
    (first,), _ = worker.time(1)
    if first > 1000:
        return first
    return sorted(worker.time(_PILOT_CALLS)[0])[_PILOT_CALLS // 2]
