"""Face boxes with small errors, like those of any detector."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Perturbation:
    """One way to perturb a face box."""

    kind: Literal["shift", "enlarge", "shrink", "shift and scale"]
    level: float
    """The amount, as a fraction of the box's sides: 0.1 moves it by a tenth of them, or makes them a tenth
    longer or shorter. "shift and scale" does both at once."""

    def apply(self, box: npt.NDArray[np.floating], *, seed: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """A perturbed copy of ``box`` (4,), x0, y0, x1, y1.

        ``seed`` alone decides the direction of a shift, and whether "shift and scale" enlarges or shrinks.
        """
        low, high = np.split(np.asarray(box, dtype=np.float64), 2)
        center, half = (low + high) / 2, (high - low) / 2
        generator = np.random.default_rng(seed)
        direction = generator.uniform(0, 2 * math.pi)
        larger = {"shift": 0.0, "enlarge": 1.0, "shrink": -1.0}.get(self.kind, generator.choice([-1.0, 1.0]))
        if self.kind in ("shift", "shift and scale"):
            center = center + 2 * half * self.level * np.array([math.cos(direction), math.sin(direction)])
        half = half * (1 + larger * self.level)
        return np.concatenate([center - half, center + half]).astype(np.float32)


#: The perturbations of an evaluation: each kind at 5, 10 and 20 %.
PERTURBATIONS: Final = tuple(
    Perturbation(kind, level)
    for kind in ("shift", "enlarge", "shrink", "shift and scale")
    for level in (0.05, 0.1, 0.2)
)
