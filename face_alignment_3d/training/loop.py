"""The training loop: resumable at any step, and the same whether it was stopped or not."""

import itertools
import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import torch

from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.training import losses
from face_alignment_3d.training.averaging import AveragedCascade
from face_alignment_3d.training.batches import Batch, BatchMaker, ahead
from face_alignment_3d.training.checkpoint import load_checkpoint, save_checkpoint
from face_alignment_3d.training.config import TrainingConfig
from face_alignment_3d.training.data import TrainingData
from face_alignment_3d.training.self_labels import (
    Labels,
    load_labels,
    own_labels,
    save_labels,
    teacher_labels,
)
from face_alignment_3d.training.turned_labels import TurnedLabels
from face_alignment_3d.training.validation import validate

Report = Callable[[str], None]

_PRIOR_BATCH = 256
_POINT_NOISE = 1.5
"""Crop pixels of noise on true points, where the Z network sees those instead of the cascade's own."""


def train(
    config: TrainingConfig,
    data: TrainingData,
    turned: TurnedLabels,
    out: Path,
    *,
    device: torch.device,
    report: Report,
    start: Mapping[str, torch.Tensor] | None = None,
) -> tuple[Cascade, dict[str, float]]:
    """Runs or resumes ``config`` in the folder ``out``; returns the averaged cascade and its validation.

    ``start`` are the weights to start from, by default random ones. With ``data.made`` the labels that were
    made beforehand are used throughout, else the network labels the taught faces itself on the way.

    Raises :class:`DataError` when ``out`` holds files of another run, or when the loss is not finite.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(config, turned, out, start=start, device=device)
    run.resume(report)
    if data.made is not None:
        labels = data.made.pseudo_labels
        run.until(config.steps, data, labels, taught_share=config.self_labelled_share, report=report)
        return run.average.cascade, validate(run.average.cascade, data.validation, bf16=False)
    switch = int(config.self_label_at * config.steps)
    own = out / "self_labels.npz"
    if run.step < switch:
        own.unlink(missing_ok=True)  # Made by an earlier run, whose checkpoint is gone.
        labels = teacher_labels(data.taught.faces)
        run.until(switch, data, labels, taught_share=config.taught_share, report=report)
    if not own.exists():
        report("labelling the taught faces with the averaged network")
        taught = data.taught
        made = own_labels(run.average.cascade, taught.faces, taught.images, taught.scales, bf16=run.bf16)
        save_labels(own, made)
    labels = load_labels(own, count=len(data.taught.faces.names))
    run.until(config.steps, data, labels, taught_share=config.self_labelled_share, report=report)
    return run.average.cascade, validate(run.average.cascade, data.validation, bf16=False)


class _Run:
    def __init__(
        self,
        config: TrainingConfig,
        turned: TurnedLabels,
        out: Path,
        *,
        start: Mapping[str, torch.Tensor] | None,
        device: torch.device,
    ) -> None:
        self.config = config
        self.turned = turned
        self.device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            cascade = PRESETS[config.preset]()
        self.cascade = cascade.to(device).to(memory_format=torch.channels_last)
        initialise(self.cascade)
        if start is not None:
            self.cascade.load_state_dict(start)
        self.average = AveragedCascade(self.cascade, config.average_decay)
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.cascade, config.weight_decay), lr=config.learning_rate
        )
        self.step = 0
        self.bf16 = config.precision == "bf16"
        self._checkpoint = out / "checkpoint.safetensors"
        self._saved_at = time.monotonic()

    def resume(self, report: Report) -> None:
        if self._checkpoint.exists():
            self.step = load_checkpoint(
                self._checkpoint,
                cascade=self.cascade,
                average=self.average.cascade,
                optimiser=self.optimiser,
            )
            report(f"resumed at step {self.step} from {self._checkpoint}")

    def save(self) -> None:
        save_checkpoint(
            self._checkpoint,
            step=self.step,
            cascade=self.cascade,
            average=self.average.cascade,
            optimiser=self.optimiser,
        )
        self._saved_at = time.monotonic()

    def until(
        self, stop: int, data: TrainingData, labels: Labels, *, taught_share: float, report: Report
    ) -> None:
        """Trains up to step ``stop`` (exclusive) and saves."""
        config = self.config
        maker = BatchMaker(
            data.pools(config, labels, taught_share=taught_share),
            self.cascade.geometry,
            config.geometric,
            config.photometric,
            config.batch_size,
            config.seed,
        )
        progress = _Progress(self.step, config.steps, config.batch_size, report)
        # Closed even when the loop is left by an error, so that no thread goes on making batches.
        with closing(ahead(maker, start=self.step, stop=stop)) as batches:
            for batch in batches:
                values = self._advance(batch)
                progress.add(self.step, values)
                if time.monotonic() - self._saved_at > config.checkpoint_seconds:
                    self.save()
                if self.step % config.validate_every == 0:
                    errors = validate(self.average.cascade, data.validation, bf16=False)
                    report("  ".join(f"{name} {value:.2f} %" for name, value in errors.items()))
        self.save()

    def _advance(self, batch: Batch) -> dict[str, float]:
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(self.step, config)
        self.cascade.train()
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        bf16 = self.bf16 and self.step < config.full_precision_from * config.steps
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            terms = cascade_losses(self.cascade, batch, self.turned, generator, self.device)
        weights = config.losses
        total = sum((getattr(weights, name) * value for name, value in terms.items()), torch.zeros(()))
        if not math.isfinite(float(total.detach())):
            parts = ", ".join(f"{name} {float(value.detach()):.4g}" for name, value in terms.items())
            raise DataError(
                f"the loss is not finite at step {self.step} ({parts}); expected finite labels and a "
                "learning rate that the network stands. The last checkpoint is kept"
            )
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.cascade.parameters(), config.gradient_norm)
        self.optimiser.step()
        self.average.update(self.cascade, self.step)
        self.step += 1
        return {name: float(value.detach()) for name, value in terms.items()}


def cascade_losses(
    cascade: Cascade,
    batch: Batch,
    turned: TurnedLabels,
    generator: torch.Generator,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """All losses of one batch, unweighted, named as in :class:`LossWeights`."""
    geometry = cascade.geometry
    crops, points = batch.crops.to(device), batch.points.to(device)
    truth, z = points[..., :2], points[..., 2]
    weight_xy = batch.weight_xy.to(device)
    visible = weight_xy * losses.inside(truth, size=geometry.input_size)
    image = cascade.normalise(crops).contiguous(memory_format=torch.channels_last)
    planar = cascade.locate(image)

    noise = torch.randn(truth.shape, generator=generator).to(device) * _POINT_NOISE
    use_truth = (torch.rand(len(truth), generator=generator) < 0.3).to(device)[:, None, None]
    seen = torch.where(use_truth, truth + noise, planar.points.detach().float())
    depth = cascade.regress_depth(image, seen).float()

    prior_points, prior_z = (tensor.to(device) for tensor in turned.draw(_PRIOR_BATCH, generator))
    prior, _, spread = cascade.depth.get_submodule("prior")(prior_points)
    prior_difference = (prior.float() * spread - prior_z) / spread
    stride = float(geometry.heatmap_stride)
    return {
        "detection": losses.detection_loss(planar.detection_logits, truth, visible, geometry),
        "shape": losses.shape_loss(planar.distribution, truth, visible, geometry),
        "coordinates": losses.distance_loss(planar.points - truth, visible, unit=stride),
        "depth": losses.distance_loss(depth - z, batch.weight_z.to(device), unit=stride),
        "prior": losses.distance_loss(prior_difference, torch.ones_like(prior_z), unit=0.2),
    }


def initialise(cascade: Cascade) -> None:
    """Detection starts out nearly sure that a landmark is elsewhere, lest the many empty cells swamp it."""
    bias = cascade.detection.get_submodule("score").bias
    if isinstance(bias, torch.Tensor):
        torch.nn.init.constant_(bias, -4.0)


def learning_rate_factor(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def _parameter_groups(cascade: Cascade, weight_decay: float) -> list[dict[str, object]]:
    """Weights of convolutions and linear layers decay; biases and batch norms do not."""
    parameters = [p for p in cascade.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


class _Progress:
    """A line now and then: step, losses, samples a second, time left."""

    def __init__(self, step: int, steps: int, batch_size: int, report: Report, every: int = 50) -> None:
        self._steps, self._batch_size, self._report, self._every = steps, batch_size, report, every
        self._start_step, self._start = step, time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = itertools.count(1)

    def add(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if next(self._count) % self._every:
            return
        speed = (step - self._start_step) / (time.monotonic() - self._start)
        minutes = (self._steps - step) / speed / 60
        parts = "  ".join(f"{name} {value / self._every:.4f}" for name, value in self._sums.items())
        self._sums = {}
        self._report(
            f"step {step}/{self._steps}  {parts}  "
            f"{speed * self._batch_size:.0f} samples/s  {minutes:.0f} min left"
        )
