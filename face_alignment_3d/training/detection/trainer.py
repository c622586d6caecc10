"""The loop that trains the scout: resumable at any step."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import torch

from face_alignment_3d.detection.scout.layout import cells
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.weights_file import load_scout
from face_alignment_3d.errors import DataError
from face_alignment_3d.interruption import StopRequests
from face_alignment_3d.training.detection.config import ScoutConfig
from face_alignment_3d.training.detection.losses import scout_losses
from face_alignment_3d.training.detection.photos import ScenePhotos
from face_alignment_3d.training.detection.scene_batches import SceneBatch, SceneBatchMaker
from face_alignment_3d.training.engine.checkpoint import load_checkpoint, save_checkpoint
from face_alignment_3d.training.engine.ema import ModelEMA
from face_alignment_3d.training.engine.interruption import TrainingStopped
from face_alignment_3d.training.engine.optimization import learning_rate_factor, parameter_groups
from face_alignment_3d.training.engine.progress import Progress, Report

_REPORT_EVERY = 100
#: Share of the steps, at the end, in full precision.
_FULL_PRECISION: Final = 0.05


class ScoutTrainer:
    """Carries out a configuration, from one checkpoint file.

    ``start`` is the weight file to go on from, in place of random weights.
    """

    def __init__(
        self,
        config: ScoutConfig,
        photos: ScenePhotos,
        checkpoint: Path,
        *,
        start: Path | None,
        device: torch.device,
    ) -> None:
        self.step = 0
        self._config, self._checkpoint, self._device = config, checkpoint, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = _starting_network() if start is None else load_scout(start).requires_grad_(True)
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.average = ModelEMA(self.network, config.average_decay)
        self._optimizer = torch.optim.AdamW(
            parameter_groups(self.network, config.weight_decay), lr=config.learning_rate
        )
        self._maker = SceneBatchMaker(
            photos, config.shares, config.photometric, config.size, config.batch_size, config.seed
        )
        self._cells = torch.from_numpy(cells(config.size, config.size)).float().to(device)

    def resume(self, report: Report) -> None:
        """Continues from the checkpoint file, if there is one.

        Raises :class:`DataError` for that of another run.
        """
        if self._checkpoint.exists():
            self.step = load_checkpoint(
                self._checkpoint,
                network=self.network,
                average=self.average.network,
                optimizer=self._optimizer,
            )
            report(f"resumed at step {self.step}")

    def save(self) -> None:
        """Writes the checkpoint file."""
        save_checkpoint(
            self._checkpoint,
            step=self.step,
            network=self.network,
            average=self.average.network,
            optimizer=self._optimizer,
        )

    def run(self, validate: Callable[[], Mapping[str, float]], report: Report) -> None:
        """Trains to the last step and saves.

        Raises :class:`DataError` when the loss is not finite, with the last checkpoint kept; and
        :class:`TrainingStopped` on SIGTERM or Ctrl-C, after saving.
        """
        config = self._config
        progress = Progress(
            self.step, config.steps, config.batch_size, report, every=_REPORT_EVERY, unit="pictures"
        )
        saved = time.monotonic()
        batches = self._maker.batches(self.step, config.steps, self._device)
        with StopRequests() as requests, closing(batches):
            for batch in batches:
                losses = self._advance(batch)
                progress.add(self.step, losses)
                if requests.received:
                    self.save()
                    raise TrainingStopped(requests.received, self.step)
                if time.monotonic() - saved > config.checkpoint_seconds:
                    self.save()
                    saved = time.monotonic()
                if self.step % config.validate_every == 0 and self.step < config.steps:
                    report("  ".join(f"{name} {value:.1f}" for name, value in validate().items()))
            self.save()

    def _advance(self, batch: SceneBatch) -> dict[str, float]:
        """One step; its losses."""
        config = self._config
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(self.step, config)
        self.network.train()
        half = config.precision == "bf16" and self.step < (1 - _FULL_PRECISION) * config.steps
        with torch.autocast(self._device.type, torch.bfloat16, enabled=half):
            output = self.network(batch.pixels)
        losses = scout_losses(output, self._cells, batch.targets)
        total = losses["score"] + config.box_weight * losses["box"] + config.roll_weight * losses["roll"]
        if not math.isfinite(float(total.detach())):
            raise DataError(
                f"the loss is not finite at step {self.step}; expected finite labels and a learning rate "
                "that the network stands. The last checkpoint is kept"
            )
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.gradient_norm)
        self._optimizer.step()
        self.average.update(self.network, self.step)
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}


def _starting_network() -> ScoutNetwork:
    network = ScoutNetwork()
    # Nearly sure that there is no face, lest the many empty cells swamp the first steps; and heads upright.
    with torch.no_grad():
        torch.nn.init.zeros_(network.output.bias)  # type: ignore[arg-type]
        network.output.bias[0] = -4.0  # type: ignore[index]
        network.output.bias[5] = 1.0  # type: ignore[index]
    return network
