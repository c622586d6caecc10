"""The recipe of Bulat & Tzimiropoulos (2016), section 4, as numbers.

Theirs: the stages, their epochs, learning rates and batch sizes, the crops and their rotation, scale and
mirroring, the starts of new layers. Ours, where the paper is silent: the optimizers, geometric decay of the
learning rate over a stage, the limit on gradients, half of the Z network's landmarks being true ones, the
strength of the color jitter, and the optional last stage, which the paper calls possible without details.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from face_alignment_3d.training.data.augment import CropVariation, Placements
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.recipes.config import RunConfig


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

    def sample(self, count: int, generator: np.random.Generator) -> Placements:
        """Three uniform draws each."""
        degrees = generator.uniform(-self.roll, self.roll, count)
        enlarged = generator.uniform(*self.scale, count)
        extension = generator.uniform(*self.extension, count)
        return Placements(np.deg2rad(degrees), np.zeros((count, 2)), extension / enlarged)


@dataclass(frozen=True)
class PaperLossWeights:
    """Factors of the summed losses.

    Their units are those of :mod:`face_alignment_3d.training.objectives.losses`.
    """

    detection: float = 1.0
    regression: float = 1.0
    depth: float = 1.0


@dataclass(frozen=True)
class Stage:
    """One task of the recipe."""

    name: str
    trained: tuple[str, ...]
    """The parts of the cascade that learn; the rest stays as it is."""
    epochs: float
    """The number of passes: this times the size of the training set is the number of samples drawn."""
    batch_size: int
    first_rate: float
    last_rate: float
    """The learning rate falls from one to the other by the same factor each step."""
    optimizer: Literal["sgd", "adam"]
    """SGD has a momentum of 0.9."""
    weights: PaperLossWeights = PaperLossWeights()
    gradient_norm: float = 10.0


DETECTION: Final = Stage("detection", ("detection",), 30, 8, 1e-3, 2.5e-5, "sgd")
REGRESSION: Final = Stage("regression", ("regression",), 30, 8, 1e-4, 2.5e-5, "adam")
JOINT: Final = Stage("joint", ("detection", "regression"), 30, 8, 1e-4, 2.5e-5, "adam")
DEPTH: Final = Stage("depth", ("depth",), 100, 16, 1e-2, 2.5e-4, "sgd")
#: Square pixels of z weigh little beside the losses of maps, which are near 1.
END_TO_END: Final = Stage(
    "end_to_end",
    ("detection", "regression", "depth"),
    10,
    8,
    2.5e-5,
    2.5e-6,
    "adam",
    PaperLossWeights(depth=0.01),
)


COLOR_JITTER: Final = Photometric(
    color=1.0, gray=0.0, blur=0.0, low_resolution=0.0, noise=0.0, jpeg=0.0, illumination=0.0, occlusion=0.0
)


@dataclass(frozen=True)
class PaperConfig(RunConfig):
    """A run of the recipe. In each stage the batch of a step is a function of the seed and the step."""

    preset: str = "paper"
    face_size: int = 250
    geometric: CropVariation = field(default_factory=UniformVariation)
    photometric: Photometric = field(default_factory=lambda: COLOR_JITTER)
    stages: tuple[Stage, ...] = (DETECTION, REGRESSION, JOINT, DEPTH)
    stage_steps: int | None = None
    """The number of batches in each stage, in place of its epochs."""
    resnet152: str | None = None
    """SHA-256 of the ImageNet weights that part detection starts from; None starts from random ones."""
    resnet200: str | None = None
    """The same for Z regression."""


PAPER: Final = PaperConfig()
