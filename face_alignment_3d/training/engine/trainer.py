"""The one training loop: resumable at any step, on one process or several, for every preset and stage."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from face_alignment_3d.errors import DataError
from face_alignment_3d.interruption import StopRequests
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import Batch, BatchMaker, prefetch
from face_alignment_3d.training.engine.checkpoint import load_checkpoint, save_checkpoint
from face_alignment_3d.training.engine.ema import ModelEMA
from face_alignment_3d.training.engine.interruption import TrainingStopped
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.progress import Progress, Report
from face_alignment_3d.training.engine.run_config_check import check_run_data, data_digests
from face_alignment_3d.training.engine.synchronized_norm import synchronize_batch_norms
from face_alignment_3d.training.engine.tensorboard_logger import TensorBoardLogger
from face_alignment_3d.training.engine.validation import validate
from face_alignment_3d.training.objectives.objective import Draws, Objective

_REPORT_EVERY = 50


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """The settings of a training loop, without the samples.

    The result of step k is a function of the plan, of k and of the batch of step k, so a resumed run goes on
    as if never stopped.
    """

    seed: int
    steps: int
    batch_size: int
    """The size of the whole batch, over all processes."""
    objective: Objective
    weights: Mapping[str, float]
    """The factor of each loss of the objective in the sum that is minimized."""
    trained: Sequence[str]
    """The parts of the cascade that learn. The others stay as they are, batch norm statistics too."""
    optimizer: Callable[[Cascade], torch.optim.Optimizer]
    """Makes an optimizer of those parameters that require gradients."""
    rate: Callable[[int], float]
    """The learning rate of a step."""
    gradient_norm: float
    """Gradients with a larger norm, over all parameters, are scaled down to this one."""
    average_decay: float
    """Of the exponential moving average of the weights; 0 for the weights themselves."""
    half_until: int
    """Steps before this one run in bf16 where that is exact enough (autocast)."""
    validate_every: int
    checkpoint_seconds: float


class Trainer:
    """Carries out a plan on a cascade, from one checkpoint file."""

    def __init__(
        self, cascade: Cascade, plan: TrainingPlan, checkpoint: Path, *, processes: Processes
    ) -> None:
        """Takes ``cascade`` over: moves it to the device and freezes what the plan does not train."""
        self.plan = plan
        self.step = 0
        self.cascade = cascade.to(processes.device).to(memory_format=torch.channels_last)
        for name, part in self.cascade.named_children():
            part.requires_grad_(name in plan.trained)
        self.average = ModelEMA(self.cascade, plan.average_decay)
        self.optimizer = plan.optimizer(self.cascade)
        self._checkpoint = checkpoint
        self._processes = processes
        self._saved_at = time.monotonic()
        self._data_checked = False
        self._losses: nn.Module = _Losses(self.cascade, plan.objective)
        if processes.count > 1:
            synchronize_batch_norms(self.cascade, processes.device)
            self._losses = DistributedDataParallel(self._losses)

    @property
    def finished(self) -> bool:
        """True if all steps of the plan are made."""
        return self.step >= self.plan.steps

    def resume(self, report: Report) -> None:
        """Continues from the checkpoint file, if there is one.

        Raises :class:`DataError` if it is another run's, or if the processes do not all find the same.
        """
        if self._checkpoint.exists():
            self.step = load_checkpoint(
                self._checkpoint,
                network=self.cascade,
                average=self.average.network,
                optimizer=self.optimizer,
            )
            report(f"resumed at step {self.step} from {self._checkpoint}")
        last, first = self._processes.all_reduce_max([self.step, -self.step])
        if last != -first:
            raise DataError(
                f"expected every process to find the same {self._checkpoint}, got steps from {-first:.0f} to "
                f"{last:.0f}; give an --out that all machines share"
            )

    def save(self) -> None:
        """Writes the checkpoint file; returns when it is there for every process."""
        if self._processes.is_main:
            save_checkpoint(
                self._checkpoint,
                step=self.step,
                network=self.cascade,
                average=self.average.network,
                optimizer=self.optimizer,
            )
        self._processes.barrier()
        self._saved_at = time.monotonic()

    def until(
        self, stop: int, maker: BatchMaker, validation: Mapping[str, Sequence[Sample]], report: Report
    ) -> None:
        """Trains up to step ``stop`` (exclusive) and saves.

        ``maker`` makes this process's part of each batch.

        Raises :class:`DataError` when the checkpoint's folder holds a run on other data, and when a loss is
        not finite, with the last checkpoint kept; and :class:`TrainingStopped` on SIGTERM or Ctrl-C, after
        saving.
        """
        is_main, device = self._processes.is_main, self._processes.device
        if is_main and not self._data_checked:
            check_run_data(self._checkpoint.parent, data_digests(maker.pools))
        self._data_checked = True
        progress = Progress(
            self.step, self.plan.steps, self.plan.batch_size, report, every=_REPORT_EVERY, unit="samples"
        )
        # Closed even when the loop is left by an error, so that no thread goes on making batches.
        with (
            StopRequests() as requests,
            closing(self._tensorboard_logger()) as events,
            closing(prefetch(maker, start=self.step, stop=stop, device=device)) as batches,
        ):
            for batch in batches:
                values, wish = self._advance(batch, requests)
                if is_main and (means := progress.add(self.step, values)):
                    rate = self.plan.rate(self.step - 1)
                    events.add(self.step, {**means, "learning rate": rate})
                if wish.stop:
                    self.save()
                    raise TrainingStopped(wish.stop, self.step)
                if wish.save:
                    self.save()
                if is_main and validation and self.step % self.plan.validate_every == 0:
                    errors = validate(self.average.network, validation, bf16=False)
                    report("  ".join(f"{name} {value:.2f} %" for name, value in errors.items()))
                    events.add(self.step, {f"validation/{name}": value for name, value in errors.items()})
            self.save()
            if (late := self._agree(requests, broken=False)).stop:
                raise TrainingStopped(late.stop, self.step)

    def _tensorboard_logger(self) -> TensorBoardLogger:
        folder = self._checkpoint.parent / "tensorboard" / self._checkpoint.stem
        return TensorBoardLogger(folder if self._processes.is_main else None, first_step=self.step + 1)

    def _advance(self, batch: Batch, requests: StopRequests) -> tuple[dict[str, float], "_Agreed"]:
        """One step; the losses of this process's part, and what the processes agreed to do after it."""
        plan, device = self.plan, self._processes.device
        for group in self.optimizer.param_groups:
            group["lr"] = plan.rate(self.step)
        for name, part in self.cascade.named_children():
            part.train(name in plan.trained)
        half = self.step < plan.half_until
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            # Inside, where the products in it are rounded too: the runs of released weights did so.
            draws = self._draw()
            terms: dict[str, torch.Tensor] = self._losses(batch, draws)
        total = sum((plan.weights[name] * value for name, value in terms.items()), torch.zeros(()))
        parts = dict(
            zip(terms, torch.stack([v.detach().float() for v in terms.values()]).tolist(), strict=True)
        )
        agreed = self._agree(requests, broken=not math.isfinite(float(total.detach())))
        if agreed.broken:
            listed = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
            raise DataError(
                f"the loss is not finite at step {self.step} ({listed}); expected finite labels and a "
                "learning rate that the network stands. The last checkpoint is kept"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        learning = [parameter for parameter in self.cascade.parameters() if parameter.requires_grad]
        torch.nn.utils.clip_grad_norm_(learning, plan.gradient_norm)
        self.optimizer.step()
        self.average.update(self.cascade, self.step)
        self.step += 1
        return parts, agreed

    def _draw(self) -> Draws:
        """This process's part of the step's random numbers."""
        generator = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.step)
        drawn = self.plan.objective.draw(self.plan.batch_size, generator)
        return {
            name: tensor[self._processes.shard(len(tensor))].to(self._processes.device)
            for name, tensor in drawn.items()
        }

    def _agree(self, requests: StopRequests, *, broken: bool) -> "_Agreed":
        """Exchanges values between processes, once a step.

        No process may stop, save or give up while another waits for its gradients.
        """
        due = time.monotonic() - self._saved_at > self.plan.checkpoint_seconds
        stop, any_broken, any_due = self._processes.all_reduce_max([requests.received, broken, due])
        return _Agreed(int(stop), bool(any_broken), bool(any_due))


class _Agreed(NamedTuple):
    stop: int
    """The signal that asks the run to stop; 0 for none."""
    broken: bool
    save: bool


class _Losses(nn.Module):
    """The losses of a batch as a module's output: averaging gradients over processes needs a module."""

    def __init__(self, cascade: Cascade, objective: Objective) -> None:
        super().__init__()
        self.cascade = cascade
        self._objective = objective

    def forward(self, batch: Batch, draws: Draws) -> dict[str, torch.Tensor]:
        return self._objective.losses(self.cascade, batch, draws)
