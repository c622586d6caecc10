"""The recipe of the compact presets: all parts at once, with labels that the network makes on the way."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import torch

from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.training.data.training_data import TrainingData
from face_alignment_3d.training.engine.batches import BatchMaker
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.trainer import Report, Trainer, TrainingPlan
from face_alignment_3d.training.engine.validation import validate
from face_alignment_3d.training.labels.agreement import teacher_labels
from face_alignment_3d.training.labels.labels import Labels, load_labels, save_labels
from face_alignment_3d.training.labels.random_pose_labels import RandomPoseLabels
from face_alignment_3d.training.labels.self_labels import predict_pseudo_labels
from face_alignment_3d.training.objectives.joint_objective import JointObjective
from face_alignment_3d.training.pruning.prune import prune
from face_alignment_3d.training.recipes.config import TrainingConfig

#: How many batches a cut cascade is fitted on.
_PRUNING_BATCHES = 16


def train_joint(
    config: TrainingConfig,
    data: TrainingData,
    random_pose_labels: RandomPoseLabels,
    out: Path,
    *,
    processes: Processes,
    report: Report,
    start: Cascade | None = None,
) -> tuple[Cascade, dict[str, float]]:
    """Runs or resumes ``config`` in the folder ``out``; returns the averaged cascade and its validation.

    ``start`` is what to start from, by default random weights: a cascade of the same preset, or of
    ``config.pruned_from``, which is cut to it first. With ``data.derived_data`` the labels that were made
    beforehand are used throughout, else the network labels the teacher-labelled faces itself on the way.

    Raises :class:`DataError` when ``out`` holds files of another run, or when the loss is not finite, and
    :class:`TrainingStopped` when the run is asked to stop. Process 0 alone validates; the others return no
    errors.
    """
    out.mkdir(parents=True, exist_ok=True)
    plan = joint_plan(config, random_pose_labels)
    cascade = starting_cascade(config, start if config.pruned_from is None else None)

    def batches(labels: Labels, *, teacher_labelled_share: float, part: slice | None) -> BatchMaker:
        return BatchMaker(
            data.pools(config, labels, teacher_labelled_share=teacher_labelled_share),
            cascade.geometry,
            config.geometric,
            config.photometric,
            config.batch_size,
            config.seed,
            part,
        )

    checkpoint = out / "checkpoint.safetensors"
    if start is not None and config.pruned_from is not None and not checkpoint.exists():
        if data.derived_data is None:
            raise DataError("pruning a cascade needs labels that were made beforehand (--derived-data)")
        maker = batches(
            data.derived_data.pseudo_labels, teacher_labelled_share=config.self_labelled_share, part=None
        )
        report(f"pruning {config.pruned_from} to {config.preset}")
        prune(start, cascade, (maker.batch(step).crops for step in range(_PRUNING_BATCHES)))
    trainer = Trainer(cascade, plan, checkpoint, processes=processes)
    trainer.resume(report)

    def until(stop: int, labels: Labels, *, teacher_labelled_share: float) -> None:
        maker = batches(
            labels, teacher_labelled_share=teacher_labelled_share, part=processes.shard(config.batch_size)
        )
        trainer.until(stop, maker, data.validation, report)

    if data.derived_data is not None:
        until(
            config.steps, data.derived_data.pseudo_labels, teacher_labelled_share=config.self_labelled_share
        )
    else:
        switch = int(config.self_label_at * config.steps)
        own = out / "self_labels.npz"
        if trainer.step < switch:
            if processes.is_main:
                own.unlink(missing_ok=True)  # Made by an earlier run, whose checkpoint is gone.
            until(
                switch,
                teacher_labels(data.teacher_labelled.faces),
                teacher_labelled_share=config.teacher_labelled_share,
            )
        if processes.is_main and not own.exists():
            report("labelling the teacher-labelled faces with the averaged network")
            teacher_labelled = data.teacher_labelled
            bf16 = config.precision == "bf16"
            pseudo_labels = predict_pseudo_labels(
                trainer.average.cascade,
                teacher_labelled.faces,
                teacher_labelled.images,
                teacher_labelled.scales,
                bf16=bf16,
            )
            save_labels(own, pseudo_labels)
        processes.barrier()
        labels = load_labels(own, count=len(data.teacher_labelled.faces.names))
        until(config.steps, labels, teacher_labelled_share=config.self_labelled_share)
    averaged = trainer.average.cascade
    return averaged, validate(averaged, data.validation, bf16=False) if processes.is_main else {}


def starting_cascade(config: TrainingConfig, start: Cascade | None = None) -> Cascade:
    """The cascade before the first step: as ``start``, or of random weights, a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        cascade = PRESETS[config.preset]()
    bias = cascade.detection.get_submodule("score").bias
    if isinstance(bias, torch.Tensor):
        # Nearly sure that a landmark is elsewhere, lest the many empty cells swamp the first steps.
        torch.nn.init.constant_(bias, -4.0)
    if start is not None:
        cascade.load_state_dict(start.state_dict())
    if config.crop_scale is not None:
        cascade.geometry = replace(cascade.geometry, crop_scale=config.crop_scale)
    return cascade


def joint_plan(config: TrainingConfig, random_pose_labels: RandomPoseLabels) -> TrainingPlan:
    """What the training loop is told."""
    return TrainingPlan(
        seed=config.seed,
        steps=config.steps,
        batch_size=config.batch_size,
        objective=JointObjective(config.trained, random_pose_labels, config.true_points_share),
        weights=asdict(config.losses),
        trained=config.trained,
        optimizer=lambda cascade: torch.optim.AdamW(
            _parameter_groups(cascade, config.weight_decay), lr=config.learning_rate
        ),
        rate=lambda step: config.learning_rate * learning_rate_factor(step, config),
        gradient_norm=config.gradient_norm,
        average_decay=config.average_decay,
        half_until=_half_until(config),
        validate_every=config.validate_every,
        checkpoint_seconds=config.checkpoint_seconds,
    )


def learning_rate_factor(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def _half_until(config: TrainingConfig) -> int:
    return math.ceil(config.full_precision_from * config.steps) if config.precision == "bf16" else 0


def _parameter_groups(cascade: Cascade, weight_decay: float) -> list[dict[str, object]]:
    """Weights of convolutions and linear layers decay; biases and batch norms do not."""
    parameters = [p for p in cascade.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
