"""The recipe of Bulat & Tzimiropoulos (2016), section 4, as numbers.

Theirs: the stages, their epochs, learning rates and batch sizes, the crops and their rotation, scale and
mirroring, the starts of new layers. Ours, where the paper is silent: the optimizers, geometric decay of the
learning rate over a stage, the limit on gradients, half of the Z network's landmarks being true ones, the
strength of the color jitter, and the optional last stage, which the paper calls possible without details.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from face_alignment_3d.training.data.augment import CropVariation
from face_alignment_3d.training.data.crop_variation import UniformVariation
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.recipes.config import RunConfig


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
