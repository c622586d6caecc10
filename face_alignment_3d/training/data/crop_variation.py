"""The variation of crops in the paper."""

from dataclasses import dataclass

import numpy as np

from face_alignment_3d.training.data.augment import Placements


@dataclass(frozen=True)
class UniformVariation:
    """Uniform rotation, scale and extension (paper, section 4), crops centered on the face box."""

    roll: float = 35.0
    """The largest turn to either side, degrees."""
    scale: tuple[float, float] = (0.85, 1.15)
    """Least and largest factor of the face's size in the crop."""
    extension: tuple[float, float] = (1.20 / 1.25, 1.0)
    """Least and largest extension of the face box, over the one that the network works with: 20 to 25 %."""
    mirror: bool = True

    def draw(self, count: int, generator: np.random.Generator) -> Placements:
        """Three uniform draws each."""
        degrees = generator.uniform(-self.roll, self.roll, count)
        enlarged = generator.uniform(*self.scale, count)
        extension = generator.uniform(*self.extension, count)
        return Placements(np.deg2rad(degrees), np.zeros((count, 2)), extension / enlarged)
