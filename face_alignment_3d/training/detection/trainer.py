"""Training of the scout's network."""

import math
from pathlib import Path
from typing import ClassVar, Final

import torch

from face_alignment_3d.detection.scout.layout import cells
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.weights_file import load_scout
from face_alignment_3d.training.detection.config import ScoutConfig
from face_alignment_3d.training.detection.losses import scout_losses
from face_alignment_3d.training.detection.scene_batches import SceneBatch
from face_alignment_3d.training.engine.optimization import learning_rate_factor, parameter_groups
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.training_loop import LoopPlan, TrainingLoop

#: Share of the steps from which on all is in full precision.
_FULL_PRECISION_FROM: Final = 0.95


class ScoutTrainer(TrainingLoop[ScoutNetwork, SceneBatch]):
    """Carries out a configuration, from one checkpoint file.

    ``start`` is the weight file to go on from, in place of random weights.
    """

    unit: ClassVar = "pictures"

    def __init__(
        self, config: ScoutConfig, checkpoint: Path, *, start: Path | None, device: torch.device
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = _starting_network() if start is None else load_scout(start).requires_grad_(True)
        super().__init__(network, _plan(config), checkpoint, processes=Processes(device))
        self._cells = torch.from_numpy(cells(config.size, config.size)).float().to(device)

    def losses(self, batch: SceneBatch, *, half: bool) -> dict[str, torch.Tensor]:
        """The losses of scores, boxes and rolls, in float32."""
        self.network.train()
        with torch.autocast(self._processes.device.type, torch.bfloat16, enabled=half):
            output = self.network(batch.pixels)
        return scout_losses(output, self._cells, batch.targets)


def _plan(config: ScoutConfig) -> LoopPlan:
    half = config.precision == "bf16"
    return LoopPlan(
        steps=config.steps,
        batch_size=config.batch_size,
        weights={"score": 1.0, "box": config.box_weight, "roll": config.roll_weight},
        optimizer=lambda network: torch.optim.AdamW(
            parameter_groups(network, config.weight_decay), lr=config.learning_rate
        ),
        rate=lambda step: config.learning_rate * learning_rate_factor(step, config),
        gradient_norm=config.gradient_norm,
        average_decay=config.average_decay,
        half_until=math.ceil(_FULL_PRECISION_FROM * config.steps) if half else 0,
        validate_every=config.validate_every,
        checkpoint_seconds=config.checkpoint_seconds,
    )


def _starting_network() -> ScoutNetwork:
    network = ScoutNetwork()
    # Nearly sure that there is no face, lest the many empty cells swamp the first steps; and heads upright.
    with torch.no_grad():
        torch.nn.init.zeros_(network.output.bias)  # type: ignore[arg-type]
        network.output.bias[0] = -4.0  # type: ignore[index]
        network.output.bias[5] = 1.0  # type: ignore[index]
    return network
