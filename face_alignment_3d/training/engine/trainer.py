"""Training of a cascade, for every preset and stage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.engine.batches import Batch, BatchMaker, prefetch
from face_alignment_3d.training.engine.objective import Objective, RandomValues
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.progress import Report
from face_alignment_3d.training.engine.run_config_check import check_run_data, data_digests
from face_alignment_3d.training.engine.synchronized_norm import synchronize_batch_norms
from face_alignment_3d.training.engine.training_loop import LoopPlan, TrainingLoop


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingPlan(LoopPlan):
    """The settings of a cascade's training, without the samples."""

    seed: int
    objective: Objective
    trained: Sequence[str]
    """The parts of the cascade that learn. The others stay as they are, batch norm statistics too."""


class Trainer(TrainingLoop[Cascade, Batch]):
    """Carries out a plan on a cascade, from one checkpoint file."""

    unit: ClassVar = "samples"
    error_unit: ClassVar = " %"

    def __init__(
        self, cascade: Cascade, plan: TrainingPlan, checkpoint: Path, *, processes: Processes
    ) -> None:
        """Takes ``cascade`` over: moves it to the device and freezes what the plan does not train."""
        for name, part in cascade.named_children():
            part.requires_grad_(name in plan.trained)
        super().__init__(cascade, plan, checkpoint, processes=processes)
        self._plan = plan
        self._data_checked = False
        self._losses: nn.Module = _Losses(self.network, plan.objective)
        if processes.count > 1:
            synchronize_batch_norms(self.network, processes.device)
            self._losses = DistributedDataParallel(self._losses)

    def until(
        self,
        stop: int,
        maker: BatchMaker,
        report: Report,
        *,
        validate: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        """Trains up to step ``stop`` (exclusive) and saves.

        ``maker`` makes this process's part of each batch; ``validate`` as of :meth:`train`, in percent.

        Raises :class:`DataError` when the folder of the checkpoint holds a run on other data, and as
        :meth:`train`.
        """
        if self._processes.is_main and not self._data_checked:
            check_run_data(self._checkpoint.parent, data_digests(maker.pools))
        self._data_checked = True
        batches = prefetch(maker, start=self.step, stop=stop, device=self._processes.device)
        self.train(batches, report, validate=validate)

    def losses(self, batch: Batch, *, half: bool) -> dict[str, torch.Tensor]:
        """The losses of the plan's objective."""
        for name, part in self.network.named_children():
            part.train(name in self._plan.trained)
        with torch.autocast(self._processes.device.type, torch.bfloat16, enabled=half):
            # Inside, where the products in it are rounded too: the runs of released weights did so.
            random_values = self._random_values()
            terms: dict[str, torch.Tensor] = self._losses(batch, random_values)
        return terms

    def _random_values(self) -> RandomValues:
        """This process's part of the step's random numbers."""
        generator = torch.Generator().manual_seed(self._plan.seed * 1_000_003 + self.step)
        drawn = self._plan.objective.sample(self._plan.batch_size, generator)
        return {
            name: tensor[self._processes.shard(len(tensor))].to(self._processes.device)
            for name, tensor in drawn.items()
        }


class _Losses(nn.Module):
    """The losses of a batch as a module's output: averaging gradients over processes needs a module."""

    def __init__(self, cascade: Cascade, objective: Objective) -> None:
        super().__init__()
        self.cascade = cascade
        self._objective = objective

    def forward(self, batch: Batch, random_values: RandomValues) -> dict[str, torch.Tensor]:
        return self._objective.losses(self.cascade, batch, random_values)
