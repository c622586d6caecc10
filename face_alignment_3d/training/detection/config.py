"""Everything that decides a run of the scout, frozen."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.detection.scenes import SceneShares


@dataclass(frozen=True)
class ScoutConfig:
    """The batch of step k is a function of the seed and k, so a resumed run goes on as if never stopped."""

    seed: int = 1
    starts_from: str | None = None
    """SHA-256 of the weight file that the run goes on from; None for random weights."""
    steps: int = 30_000
    batch_size: int = 32
    size: int = 256
    """Sides of the pictures, pixels."""
    learning_rate: float = 2e-3
    """The highest learning rate: after a linear warm-up it falls along half a cosine to 1 %."""
    warmup_steps: int = 300
    weight_decay: float = 0.01
    gradient_norm: float = 10.0
    average_decay: float = 0.998
    """The decay of the exponential moving average of the weights, which is validated and exported."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """The precision of all steps but the last twentieth, which are in fp32."""
    box_weight: float = 1.0
    roll_weight: float = 1.0
    validate_every: int = 2000
    checkpoint_seconds: float = 240.0
    shares: SceneShares = field(default_factory=SceneShares)
    photometric: Photometric = field(
        default_factory=lambda: Photometric(
            color=0.7,
            gray=0.1,
            blur=0.08,
            low_resolution=0.08,
            noise=0.03,
            jpeg=0.1,
            illumination=0.1,
            occlusion=0.0,
        )
    )

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)
