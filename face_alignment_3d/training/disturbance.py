"""Boxes that are a little wrong, as those of any detector are."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Disturbance:
    """One way to spoil a face box."""

    kind: Literal["shift", "enlarge", "shrink"]
    level: float
    """The amount, as a fraction of the box's sides: 0.1 moves it by a tenth of them, or makes them a tenth
    longer or shorter."""

    def apply(self, box: npt.NDArray[np.floating], *, seed: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """A spoilt copy of ``box`` (4,), x0, y0, x1, y1. ``seed`` alone decides the direction of a shift."""
        low, high = np.split(np.asarray(box, dtype=np.float64), 2)
        center, half = (low + high) / 2, (high - low) / 2
        if self.kind == "shift":
            direction = np.random.default_rng(seed).uniform(0, 2 * math.pi)
            center = center + 2 * half * self.level * np.array([math.cos(direction), math.sin(direction)])
        else:
            half = half * (1 + self.level if self.kind == "enlarge" else 1 - self.level)
        return np.concatenate([center - half, center + half]).astype(np.float32)


#: What an evaluation tries: each kind at 5, 10 and 20 %.
DISTURBANCES: Final = tuple(
    Disturbance(kind, level) for kind in ("shift", "enlarge", "shrink") for level in (0.05, 0.1, 0.2)
)
