"""The recipe of the compact presets: all parts at once."""

import math
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.training.engine.batches import BatchMaker
from face_alignment_3d.training.engine.optimization import learning_rate_factor, parameter_groups
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.progress import Report
from face_alignment_3d.training.engine.trainer import Trainer, TrainingPlan
from face_alignment_3d.training.labels.random_pose_labels import RandomPoseLabels
from face_alignment_3d.training.objectives.distillation_objective import DistillationObjective
from face_alignment_3d.training.objectives.joint_objective import JointObjective
from face_alignment_3d.training.pruning.narrow import narrow
from face_alignment_3d.training.pruning.prune import prune
from face_alignment_3d.training.recipes.config import TrainingConfig
from face_alignment_3d.training.recipes.training_data import TrainingData
from face_alignment_3d.training.recipes.validation import validate

#: The number of batches that a pruned cascade is fitted on.
_PRUNING_BATCHES = 16


def train_joint(
    config: TrainingConfig,
    data: TrainingData,
    out: Path,
    *,
    processes: Processes,
    report: Report,
    start: Cascade | None = None,
    teacher: Cascade | None = None,
) -> tuple[Cascade, dict[str, float]]:
    """Runs or resumes ``config`` in the folder ``out``; returns the averaged cascade and its validation.

    ``start`` is the cascade to start from, by default random weights: one of the same preset, or of
    ``config.pruned_from``, which is pruned first. ``teacher`` sees each crop of the run, and its points count
    ``config.teacher_weight`` in the labels.

    Raises :class:`DataError` when ``out`` holds files of another run, or when the loss is not finite, and
    :class:`TrainingStopped` when the run is asked to stop. Process 0 alone validates; the others return no
    errors.
    """
    out.mkdir(parents=True, exist_ok=True)
    plan = joint_plan(config, RandomPoseLabels(data.shapes))
    if teacher is not None:
        seeing = teacher.to(processes.device).to(memory_format=torch.channels_last)
        plan = replace(plan, objective=DistillationObjective(plan.objective, seeing, config.teacher_weight))
    cascade = starting_cascade(config, start if config.pruned_from is None else None)

    pools = data.pools(config)

    def batches(part: slice | None) -> BatchMaker:
        return BatchMaker(
            pools,
            cascade.geometry,
            config.geometric,
            config.photometric,
            config.batch_size,
            config.seed,
            part,
        )

    checkpoint = out / "checkpoint.safetensors"
    if start is not None and config.pruned_from is not None and not checkpoint.exists():
        report(f"pruning {config.pruned_from} to {config.preset}")
        if config.preset == "nano":
            narrow(start, cascade)
        else:
            maker = batches(None)
            prune(start, cascade, (maker.batch(step).crops for step in range(_PRUNING_BATCHES)))
    trainer = Trainer(cascade, plan, checkpoint, processes=processes)
    trainer.resume(report)
    averaged = trainer.average.network
    validated = partial(validate, averaged, data.validation)
    trainer.until(config.steps, batches(processes.shard(config.batch_size)), report, validate=validated)
    return averaged, trainer.final_results(validated)


def starting_cascade(config: TrainingConfig, start: Cascade | None = None) -> Cascade:
    """The cascade before the first step: as ``start``, or of random weights, a function of the seed.

    Of ``config.reinitialized``, and of a part that ``start`` lacks, the weights are random.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        cascade = PRESETS[config.preset]()
    bias = cascade.detection.get_submodule("score").bias
    if isinstance(bias, torch.Tensor):
        # Nearly sure that a landmark is elsewhere, lest the many empty cells swamp the first steps.
        torch.nn.init.constant_(bias, -4.0)
    if start is not None:
        given = start.state_dict()
        cascade.load_state_dict(
            {
                name: tensor if name.startswith(config.reinitialized) else given.get(name, tensor)
                for name, tensor in cascade.state_dict().items()
            }
        )
    if config.crop_scale is not None:
        cascade.geometry = replace(cascade.geometry, crop_scale=config.crop_scale)
    return cascade


def joint_plan(config: TrainingConfig, random_pose_labels: RandomPoseLabels) -> TrainingPlan:
    """The plan of the training loop."""
    return TrainingPlan(
        seed=config.seed,
        steps=config.steps,
        batch_size=config.batch_size,
        objective=JointObjective(config.trained, random_pose_labels, config.true_points_share),
        weights=asdict(config.losses),
        trained=config.trained,
        optimizer=lambda network: torch.optim.AdamW(
            parameter_groups(network, config.weight_decay), lr=config.learning_rate
        ),
        rate=lambda step: config.learning_rate * learning_rate_factor(step, config),
        gradient_norm=config.gradient_norm,
        average_decay=config.average_decay,
        half_until=_half_until(config),
        validate_every=config.validate_every,
        checkpoint_seconds=config.checkpoint_seconds,
    )


def _half_until(config: TrainingConfig) -> int:
    return math.ceil(config.full_precision_from * config.steps) if config.precision == "bf16" else 0
