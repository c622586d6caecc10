"""The loop that trains a network, whichever it is: resumable at any step, on one process or several."""

import math
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import nn

from face_alignment_3d.errors import DataError
from face_alignment_3d.interruption import StopRequests
from face_alignment_3d.training.engine.checkpoint import load_checkpoint, save_checkpoint
from face_alignment_3d.training.engine.ema import ModelEMA
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.progress import Progress, Report
from face_alignment_3d.training.engine.tensorboard_logger import TensorBoardLogger

_REPORT_EVERY = 50

_Network = TypeVar("_Network", bound=nn.Module)
_Batch = TypeVar("_Batch")


class TrainingStopped(Exception):  # noqa: N818 - nothing went wrong
    """A run was asked to stop, and has saved its checkpoint."""

    def __init__(self, signal_number: int, step: int) -> None:
        name = signal.Signals(signal_number).name
        super().__init__(f"stopped by {name} after step {step}, which is saved; the same command goes on")
        self.exit_code = 128 + signal_number
        """The exit code of a process that a signal ended, by shell convention: 143 for SIGTERM, 130 for
        Ctrl-C."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LoopPlan:
    """The settings of a training loop, whatever the network.

    The result of step k is a function of the plan, of k and of the batch of step k, so a resumed run goes on
    as if never stopped.
    """

    steps: int
    batch_size: int
    """The size of the whole batch, over all processes."""
    weights: Mapping[str, float]
    """The factor of each loss in the sum that is minimized."""
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
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


class TrainingLoop(ABC, Generic[_Network, _Batch]):
    """Carries out a plan on a network, from one checkpoint file. Subclasses say what its losses are."""

    unit: ClassVar[str]
    """The unit of the items of a batch, for the lines of progress."""
    error_unit: ClassVar[str] = ""
    """The unit of all results of validation, where it is one and their names do not have it."""

    def __init__(self, network: _Network, plan: LoopPlan, checkpoint: Path, *, processes: Processes) -> None:
        """Takes ``network`` over and moves it to the device; parameters that do not learn are frozen."""
        self.step = 0
        self.network: _Network = network.to(processes.device).to(memory_format=torch.channels_last)
        self.average = ModelEMA(self.network, plan.average_decay)
        self._optimizer = plan.optimizer(self.network)
        self._loop_plan = plan
        self._checkpoint = checkpoint
        self._processes = processes
        self._saved_at = time.monotonic()
        self._validated: tuple[int, Mapping[str, float]] | None = None

    @abstractmethod
    def losses(self, batch: _Batch, *, half: bool) -> dict[str, torch.Tensor]:
        """The losses of this process's part of the step's batch by name, unweighted.

        Sets the network's training mode; ``half`` asks for bf16 where that is exact enough.
        """

    @property
    def finished(self) -> bool:
        """True if all steps of the plan are made."""
        return self.step >= self._loop_plan.steps

    def resume(self, report: Report) -> None:
        """Continues from the checkpoint file, if there is one.

        Raises :class:`DataError` if it is another run's, or if the processes do not all find the same.
        """
        if self._checkpoint.exists():
            self.step = load_checkpoint(
                self._checkpoint,
                network=self.network,
                average=self.average.network,
                optimizer=self._optimizer,
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
                network=self.network,
                average=self.average.network,
                optimizer=self._optimizer,
            )
        self._processes.barrier()
        self._saved_at = time.monotonic()

    def train(
        self,
        batches: Generator[_Batch, None, None],
        report: Report,
        *,
        validate: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        """Makes a step with each of ``batches``, which begin at :attr:`step`, and saves.

        ``validate`` gives results of :attr:`average` by name, on process 0 alone.

        Raises :class:`DataError` when a loss is not finite, with the last checkpoint kept; and
        :class:`TrainingStopped` on SIGTERM or Ctrl-C, after saving.
        """
        plan, is_main = self._loop_plan, self._processes.is_main
        progress = Progress(
            self.step, plan.steps, plan.batch_size, report, every=_REPORT_EVERY, unit=self.unit
        )
        # Closed even when the loop is left by an error, so that no thread goes on making batches.
        with StopRequests() as requests, closing(self._logger()) as events, closing(batches):
            for batch in batches:
                values, agreed = self._advance(batch, requests)
                if is_main and (means := progress.add(self.step, values)):
                    events.add(self.step, {**means, "learning rate": plan.rate(self.step - 1)})
                if agreed.stop:
                    self.save()
                    raise TrainingStopped(agreed.stop, self.step)
                if agreed.save:
                    self.save()
                if is_main and validate is not None and self.step % plan.validate_every == 0:
                    results = validate()
                    self._validated = (self.step, results)
                    listed = (f"{name} {value:.2f}{self.error_unit}" for name, value in results.items())
                    report("  ".join(listed))
                    events.add(self.step, {f"validation/{name}": value for name, value in results.items()})
            self.save()
            if (late := self._agree(requests, broken=False)).stop:
                raise TrainingStopped(late.stop, self.step)

    def final_results(self, validate: Callable[[], Mapping[str, float]]) -> dict[str, float]:
        """The results of ``validate`` at this step, without a call if :meth:`train` has just made it.

        Empty but on process 0.
        """
        if not self._processes.is_main:
            return {}
        if self._validated is not None and self._validated[0] == self.step:
            return dict(self._validated[1])
        return dict(validate())

    def _logger(self) -> TensorBoardLogger:
        folder = self._checkpoint.parent / "tensorboard" / self._checkpoint.stem
        return TensorBoardLogger(folder if self._processes.is_main else None, first_step=self.step + 1)

    def _advance(self, batch: _Batch, requests: StopRequests) -> tuple[dict[str, float], "_Agreed"]:
        """One step; the losses of this process's part, and what the processes agreed to do after it."""
        plan = self._loop_plan
        for group in self._optimizer.param_groups:
            group["lr"] = plan.rate(self.step)
        terms = self.losses(batch, half=self.step < plan.half_until)
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
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        torch.nn.utils.clip_grad_norm_(learning, plan.gradient_norm)
        self._optimizer.step()
        self.average.update(self.network, self.step)
        self.step += 1
        return parts, agreed

    def _agree(self, requests: StopRequests, *, broken: bool) -> "_Agreed":
        """Exchanges values between processes, once a step.

        No process may stop, save or give up while another waits for its gradients.
        """
        due = time.monotonic() - self._saved_at > self._loop_plan.checkpoint_seconds
        stop, any_broken, any_due = self._processes.all_reduce_max([requests.received, broken, due])
        return _Agreed(int(stop), bool(any_broken), bool(any_due))


class _Agreed(NamedTuple):
    stop: int
    """The signal that asks the run to stop; 0 for none."""
    broken: bool
    save: bool
