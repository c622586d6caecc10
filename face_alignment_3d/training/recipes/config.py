"""Everything that decides a training run, frozen."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from face_alignment_3d.training.data.augment import CropVariation, Geometric
from face_alignment_3d.training.data.photometric import Photometric


@dataclass(frozen=True)
class LossWeights:
    """Factors of the summed losses; see :mod:`face_alignment_3d.training.objectives.losses` for their
    units."""

    detection: float = 0.05
    shape: float = 1.0
    coordinates: float = 1.0
    depth: float = 0.5
    prior: float = 1.0
    visibility: float = 0.3


@dataclass(frozen=True)
class RunConfig:
    """What the runs of all presets have in common.

    The batch of step k is a function of the seed and k, so a resumed run goes on as if never stopped.
    """

    preset: str
    seed: int = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    full_precision_from: float = 0.96
    """The fraction of the steps from which bf16 is left off."""
    face_size: int = 150
    """Photos are kept in memory shrunk to faces of this size, pixels."""
    holdout_every: int = 12
    """Every so many hand-labelled photos one is kept for validation."""
    teacher_labelled_share: float = 0.3
    """Share of a batch from the faces that only teachers have labelled, before self-labelling."""
    self_labelled_share: float = 0.5
    """Their share of a batch with labels that the network made, on the way or beforehand."""
    hand_labelled_novel_views_share: float = 0.0
    """Share of a batch from hand-labelled photos that were turned out of plane beforehand."""
    teacher_labelled_novel_views_share: float = 0.0
    """The same of turned photos of the faces that only teachers had labelled."""
    turned_factor: float = 3.0
    """How much more often a face beyond 25 degrees of yaw is drawn than another of the same set."""
    validate_every: int = 1000
    checkpoint_seconds: float = 240.0
    geometric: CropVariation = field(default_factory=Geometric)
    photometric: Photometric = field(default_factory=Photometric)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class TrainingConfig(RunConfig):
    """One run of a compact preset, all parts of which train together."""

    steps: int = 11_400
    batch_size: int = 32
    """Of all processes together."""
    learning_rate: float = 1.5e-3
    warmup_steps: int = 300
    weight_decay: float = 0.02
    gradient_norm: float = 10.0
    average_decay: float = 0.999
    """Of the exponential moving average of the weights, which is what is validated and exported."""
    self_label_at: float = 0.35
    """The fraction of the steps after which the network's own averaged predictions label those faces."""
    starts_from: str | None = None
    """SHA-256 of the weight file that the run starts from; None starts from random weights."""
    pruned_from: str | None = None
    """The preset of that file where it is a wider one, which is cut to this; None where it is the same."""
    trained: tuple[str, ...] = ("detection", "regression", "depth", "visibility")
    """The parts of the cascade that learn; the others stay as they are."""
    true_points_share: float = 0.3
    """Of the samples, those whose true points the Z network sees, with noise, in place of the cascade's."""
    crop_scale: float | None = None
    """Side of the crops over the longer side of the face box; None leaves it to the preset."""
    losses: LossWeights = field(default_factory=LossWeights)


#: From random weights: hand-made labels, the teachers' labels, then the network's own.
LITE = TrainingConfig(preset="lite")
#: "refine", from the weights of :data:`LITE`: with photos turned out of plane and pseudo-labels that were
#: made beforehand.
LITE_REFINED = TrainingConfig(
    preset="lite",
    steps=8_200,
    learning_rate=1.0e-3,
    self_label_at=0.0,
    self_labelled_share=0.28,
    hand_labelled_novel_views_share=0.20,
    teacher_labelled_novel_views_share=0.12,
)
#: "anneal", from the weights of :data:`LITE_REFINED`. Those err as much on the photos they learn from as on
#: others: by 2.75 and 2.80 %. So here perturbations are milder, hand-made labels have more of each batch, and
#: faces fill more of the crop.
LITE_ANNEALED = replace(
    LITE_REFINED,
    steps=8_000,
    learning_rate=8.0e-4,
    self_labelled_share=0.14,
    teacher_labelled_novel_views_share=0.06,
    crop_scale=1.28,
    geometric=Geometric(shift=0.05, scale=0.08, roll=15.0, wide_roll_share=0.08),
    photometric=Photometric(
        color=0.7,
        gray=0.10,
        blur=0.08,
        low_resolution=0.10,
        noise=0.08,
        jpeg=0.10,
        illumination=0.12,
        occlusion=0.15,
    ),
)
#: "finetune", from the weights of :data:`LITE_ANNEALED`, which do hardly worse on other photos (2.61 %) than
#: on their own (2.54 %). Turned views have more of each batch, and the Z network sees the points that it
#: will see.
LITE_FINETUNED = replace(
    LITE_ANNEALED,
    steps=8_000,
    self_labelled_share=0.12,
    hand_labelled_novel_views_share=0.28,
    teacher_labelled_novel_views_share=0.08,
    true_points_share=0.0,
    crop_scale=1.25,
)
#: "prune", from weights of ``lite-wide``, of which it keeps and fits what it can. A lot of what is left out
#: is hardly missed: without the second blocks of 128 and 192 channels, faces held out come out at 2.58 and
#: 2.65 % in place of 2.54 %, untrained.
LITE_PRUNED = replace(LITE_FINETUNED, pruned_from="lite-wide", steps=11_000, learning_rate=1.0e-3)
#: "depth", from the weights of :data:`LITE_FINETUNED`: the Z network alone, on more turned photos, beside
#: detection and regression as they will be used. That costs less than half as much a view.
LITE_DEPTH = replace(
    LITE_FINETUNED,
    trained=("depth",),
    steps=2_000,
    batch_size=64,
    learning_rate=1.2e-3,
    warmup_steps=100,
    average_decay=0.998,
    self_labelled_share=0.10,
    hand_labelled_novel_views_share=0.40,
    teacher_labelled_novel_views_share=0.10,
    photometric=Photometric(
        color=0.6,
        gray=0.08,
        blur=0.06,
        low_resolution=0.08,
        noise=0.06,
        jpeg=0.08,
        illumination=0.10,
        occlusion=0.10,
    ),
)
#: What ``--stage`` names: the runs that go on from another's weights, in their order.
STAGES = {
    "refine": LITE_REFINED,
    "anneal": LITE_ANNEALED,
    "finetune": LITE_FINETUNED,
    "depth": LITE_DEPTH,
    "prune": LITE_PRUNED,
}
#: For a GPU; nobody has run it yet, so its numbers follow :data:`LITE` and common sense, not experiments.
BASE = TrainingConfig(
    preset="base", steps=40_000, batch_size=64, learning_rate=1.0e-3, warmup_steps=1_000, face_size=200
)
