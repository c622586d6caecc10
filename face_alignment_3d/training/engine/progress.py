"""The lines that a run prints while it trains."""

import itertools
import time
from collections.abc import Callable, Mapping

Report = Callable[[str], None]


class Progress:
    """Prints a line every ``every`` steps: step, mean losses, ``unit`` a second, time left."""

    def __init__(
        self, step: int, steps: int, batch_size: int, report: Report, *, every: int, unit: str
    ) -> None:
        self._steps, self._batch_size, self._report = steps, batch_size, report
        self._every, self._unit = every, unit
        self._start_step, self._start = step, time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = itertools.count(1)

    def add(self, step: int, losses: Mapping[str, float]) -> dict[str, float]:
        """Adds the losses of a step; returns their means and the speed when a line was due, else nothing."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if next(self._count) % self._every:
            return {}
        speed = (step - self._start_step) / (time.monotonic() - self._start)
        minutes = (self._steps - step) / speed / 60
        samples = speed * self._batch_size
        means = {name: value / self._every for name, value in self._sums.items()}
        self._sums = {}
        parts = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        self._report(
            f"step {step}/{self._steps}  {parts}  {samples:.0f} {self._unit}/s  {minutes:.0f} min left"
        )
        return {**{f"loss/{name}": value for name, value in means.items()}, "samples per second": samples}
