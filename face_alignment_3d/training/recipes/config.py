"""All settings of a training run, frozen."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from face_alignment_3d.training.data.augment import CropVariation, Geometric
from face_alignment_3d.training.data.datasets.face_sets import HOLDOUT_EVERY
from face_alignment_3d.training.data.photometric import Photometric


@dataclass(frozen=True)
class LossWeights:
    """Factors of the summed losses.

    Their units are those of :mod:`face_alignment_3d.training.objectives.losses`.
    """

    detection: float = 0.05
    shape: float = 1.0
    coordinates: float = 1.0
    depth: float = 0.5
    prior: float = 1.0
    visibility: float = 0.3


@dataclass(frozen=True)
class Shares:
    """The share of a batch of each kind of sample."""

    hand: float = 0.36
    """Photos with 68 hand-made points (HELEN, LFPW)."""
    aflw: float = 0.36
    """AFLW's faces, half of them beyond 30 degrees of yaw."""
    teachers: float = 0.10
    """Faces that networks alone have labelled."""
    views_of_hand: float = 0.13
    """The hand-labelled photos turned out of plane."""
    views_of_teachers: float = 0.05
    """The same of the faces that networks have labelled."""

    def as_dict(self) -> dict[str, float]:
        """The shares by the names of the kinds."""
        return asdict(self)


@dataclass(frozen=True)
class RunConfig:
    """The settings that the runs of all presets have.

    The batch of step k is a function of the seed and k, so a resumed run goes on as if never stopped.
    """

    preset: str
    seed: int = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    full_precision_from: float = 0.96
    """The fraction of the steps from which bf16 is left off."""
    face_size: int = 150
    """Photos are kept in memory shrunk to faces of this size, pixels."""
    holdout_every: int = HOLDOUT_EVERY
    """One of so many hand-labelled photos is kept for validation."""
    shares: Shares = field(default_factory=Shares)
    turned_factor: float = 2.0
    """The relative frequency of a face beyond 25 degrees of yaw, where another of the same set has 1."""
    profile_factor: float = 2.5
    """The same beyond 60 degrees."""
    teacher_weight: float = 0.0
    """Weight of a teacher's predictions in the labels, where a careful hand has 1."""
    teacher: str | None = None
    """SHA-256 of the weights of a teacher that sees each crop; None reads predictions from the derived
    data."""
    validate_every: int = 1000
    checkpoint_seconds: float = 240.0
    geometric: CropVariation = field(default_factory=Geometric)
    photometric: Photometric = field(default_factory=Photometric)

    def as_dict(self) -> dict[str, Any]:
        """The settings, nested as the fields are."""
        return asdict(self)


@dataclass(frozen=True)
class TrainingConfig(RunConfig):
    """One run of a compact preset, all parts of which train together."""

    steps: int = 11_400
    batch_size: int = 32
    """The size of the whole batch, over all processes."""
    learning_rate: float = 1.5e-3
    warmup_steps: int = 300
    weight_decay: float = 0.02
    gradient_norm: float = 10.0
    average_decay: float = 0.999
    """The decay of the exponential moving average of the weights, which is validated and exported."""
    starts_from: str | None = None
    """SHA-256 of the weight file that the run starts from; None starts from random weights."""
    reinitialized: tuple[str, ...] = ()
    """Name prefixes of the tensors that nevertheless start from random weights."""
    pruned_from: str | None = None
    """The preset of that file where it is a wider one, which is pruned to this; None where it is the same."""
    trained: tuple[str, ...] = ("detection", "regression", "depth", "visibility")
    """The parts of the cascade that learn; the others stay as they are."""
    true_points_share: float = 0.0
    """The share of the samples in which the Z network sees true points, with noise, in place of the
    cascade's."""
    crop_scale: float | None = None
    """Side of the crops over the longer side of the face box; None leaves it to the preset."""
    losses: LossWeights = field(default_factory=LossWeights)


#: The recipe of the compact presets, from random weights or, with ``--start``, from those of an earlier run.
LITE = TrainingConfig(
    preset="lite",
    steps=100_000,
    learning_rate=1.3e-3,
    crop_scale=1.25,
    geometric=Geometric(shift=0.06, scale=0.09, roll=16.0, wide_roll_share=0.10),
    photometric=Photometric(
        color=0.7,
        gray=0.10,
        blur=0.10,
        low_resolution=0.12,
        noise=0.08,
        jpeg=0.10,
        illumination=0.12,
        occlusion=0.22,
    ),
)
#: "prune", from weights of ``lite-wide``, of which it keeps and fits what it can. Much of what is left
#: out is hardly missed: without the second blocks of 128 and 192 channels, held-out faces come out at 2.58
#: and 2.65 % in place of 2.54 %, untrained.
LITE_PRUNED = replace(LITE, pruned_from="lite-wide", learning_rate=1.0e-3)
#: "depth": the Z network and the visibility alone, beside detection and regression as they will be used. That
#: costs less than half as much a view.
LITE_DEPTH = replace(
    LITE,
    trained=("depth", "visibility"),
    steps=2_000,
    batch_size=64,
    learning_rate=1.2e-3,
    warmup_steps=100,
    average_decay=0.998,
)
#: The values of ``--stage``: runs that start from another run's weights, with their own settings.
STAGES = {"prune": LITE_PRUNED, "depth": LITE_DEPTH}
#: For a GPU; nobody has run it yet, so its numbers follow :data:`LITE` and common sense, not experiments.
BASE = replace(
    LITE, preset="base", steps=40_000, batch_size=64, learning_rate=1.0e-3, warmup_steps=1_000, face_size=200
)
#: ``nano`` learns from ``lite``: from what it says of the photos, mixed with their labels, and, with "prune",
#: from those of its channels that there is room for.
NANO = replace(LITE, preset="nano", steps=20_000, learning_rate=2.0e-3, teacher_weight=1.0)
_NANO_STAGES = {
    "prune": replace(NANO, pruned_from="lite"),
    "depth": replace(LITE_DEPTH, preset="nano", teacher_weight=NANO.teacher_weight),
}


def compact_config(preset: str, stage: str | None = None) -> TrainingConfig:
    """The recipe of a compact preset, or of one of its stages."""
    if preset == "nano":
        return NANO if stage is None else _NANO_STAGES[stage]
    if stage is not None:
        return replace(STAGES[stage], preset=preset)
    return BASE if preset == "base" else replace(LITE, preset=preset)
