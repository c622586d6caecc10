"""The paper's recipe: task by task, each from where the one before it ended. Reads top to bottom."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.paper.depth import PaperDepth
from face_alignment_3d.networks.paper.detection import PaperDetection
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import BatchMaker, Pool
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.progress import Report
from face_alignment_3d.training.engine.trainer import Trainer, TrainingPlan
from face_alignment_3d.training.objectives.paper_objective import PaperObjective
from face_alignment_3d.training.recipes.imagenet import load_resnet152, load_resnet200
from face_alignment_3d.training.recipes.paper_config import PaperConfig, Stage
from face_alignment_3d.training.recipes.validation import validate

_MOMENTUM = 0.9
_MOST_STAGES = 100

_Network = TypeVar("_Network", bound=nn.Module)


def train_paper(
    config: PaperConfig,
    pools: Sequence[Pool],
    validation: Mapping[str, Sequence[Sample]],
    out: Path,
    *,
    processes: Processes,
    report: Report,
    resnet152: Path | None = None,
    resnet200: Path | None = None,
) -> tuple[Cascade, dict[str, float]]:
    """Runs or resumes the stages of ``config`` in the folder ``out``; returns the cascade and its validation.

    ``resnet152`` and ``resnet200`` are ImageNet weights in the form of
    :mod:`face_alignment_3d.training.recipes.imagenet`.

    Raises :class:`WeightsError` for ImageNet weights that do not fit, :class:`DataError` when ``out`` holds
    files of another run or when a loss is not finite, and :class:`TrainingStopped` when asked to stop.
    """
    out.mkdir(parents=True, exist_ok=True)
    cascade = starting_cascade(config, resnet152=resnet152, resnet200=resnet200)
    for index, stage in enumerate(config.stages):
        steps = stage_steps(config, stage, pools)
        plan = stage_plan(config, stage, index=index, steps=steps)
        trainer = Trainer(cascade, plan, out / f"{stage.name}.safetensors", processes=processes)
        trainer.resume(report)
        if not trainer.finished:
            report(
                f"stage {stage.name}: {steps} steps of {stage.batch_size}, "
                f"training {', '.join(stage.trained)}"
            )
            maker = BatchMaker(
                pools,
                cascade.geometry,
                config.geometric,
                config.photometric,
                stage.batch_size,
                plan.seed,
                processes.shard(stage.batch_size),
            )
            # Before the regression has learned there are no points to validate.
            validated = partial(validate, trainer.average.network, validation) if index else None
            trainer.until(steps, maker, report, validate=validated)
        cascade = trainer.average.network
    return cascade, trainer.final_results(partial(validate, cascade, validation))


def starting_cascade(config: PaperConfig, *, resnet152: Path | None, resnet200: Path | None) -> Cascade:
    """The cascade before the first stage: new layers as the paper says, the rest random or from ImageNet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        cascade = PRESETS[config.preset]()
    if resnet152 is not None:
        load_resnet152(_as(PaperDetection, cascade.detection, resnet152), resnet152)
    if resnet200 is not None:
        load_resnet200(_as(PaperDepth, cascade.depth, resnet200), resnet200)
    return cascade


def _as(kind: type[_Network], part: nn.Module, path: Path) -> _Network:
    if not isinstance(part, kind):
        raise WeightsError(
            f"{path} is for the networks of the preset 'paper', expected a {kind.__name__}; got a "
            f"{type(part).__name__}"
        )
    return part


def stage_steps(config: PaperConfig, stage: Stage, pools: Sequence[Pool]) -> int:
    """The number of batches in ``stage``: from the configuration, else from its epochs."""
    if config.stage_steps is not None:
        return config.stage_steps
    samples = sum(len(pool.samples) for pool in pools)
    return max(1, math.ceil(stage.epochs * samples / stage.batch_size))


def stage_plan(config: PaperConfig, stage: Stage, *, index: int, steps: int) -> TrainingPlan:
    """The plan of the training loop for the stage with number ``index``."""
    return TrainingPlan(
        # Of its own for each stage, or all stages would see the same crops.
        seed=config.seed * _MOST_STAGES + index,
        steps=steps,
        batch_size=stage.batch_size,
        objective=PaperObjective(stage.trained),
        weights=asdict(stage.weights),
        trained=stage.trained,
        optimizer=_optimizer(stage),
        rate=lambda step: stage_rate(stage, step, steps),
        gradient_norm=stage.gradient_norm,
        average_decay=0.0,
        half_until=math.ceil(config.full_precision_from * steps) if config.precision == "bf16" else 0,
        validate_every=config.validate_every,
        checkpoint_seconds=config.checkpoint_seconds,
    )


def stage_rate(stage: Stage, step: int, steps: int) -> float:
    """The learning rate: the stage's first in step 0, its last in the last, by a constant factor a step."""
    progress = step / max(1, steps - 1)
    return stage.first_rate * math.pow(stage.last_rate / stage.first_rate, progress)


def _optimizer(stage: Stage) -> Callable[[nn.Module], torch.optim.Optimizer]:
    def make(network: nn.Module) -> torch.optim.Optimizer:
        learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if stage.optimizer == "sgd":
            return torch.optim.SGD(learning, lr=stage.first_rate, momentum=_MOMENTUM)
        return torch.optim.Adam(learning, lr=stage.first_rate)

    return make
