"""``face-alignment-3d train``: makes a weight file from photos."""

import argparse
import dataclasses
import math
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from face_alignment_3d.cli.train_options import parsed_dataset, reproducing_command, require_fitting_options
from face_alignment_3d.errors import DataError, DeviceError

if TYPE_CHECKING:
    from face_alignment_3d.training.detection.config import ScoutConfig
    from face_alignment_3d.training.engine.processes import Processes
    from face_alignment_3d.training.recipes.config import RunConfig
    from face_alignment_3d.weights.manifest import WeightsEntry

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
    _Config = TypeVar("_Config", bound=RunConfig | ScoutConfig)

_DATASET = "KIND=DIR"
_STAGES = ("prune", "depth")


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``train``."""
    parser = subparsers.add_parser(
        "train",
        help="train weights; the same command resumes a stopped run",
        description="Trains a preset and exports it. A run that was stopped, even killed, goes on from its "
        "last checkpoint when the same command is given again; SIGTERM and Ctrl-C save first and exit with "
        "143 and 130. Under torchrun several GPUs or machines share each batch. docs/training.md describes "
        "the data.",
    )
    parser.add_argument(
        "preset",
        choices=["nano", "lite", "lite-wide", "base", "paper", "blendshapes", "scout"],
        help="what to train",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="photos68/, faces/ and models/")
    parser.add_argument(
        "--derived-data",
        type=Path,
        metavar="DIR",
        help="what `train-data` made of the photos: fused labels and novel views",
    )
    parser.add_argument(
        "--start", type=Path, metavar="FILE", help="weights to go on from (default: random ones)"
    )
    parser.add_argument(
        "--reinitialize",
        action="append",
        default=[],
        metavar="PREFIX",
        help="with --start: tensors whose names begin so start from random weights all the same; may be "
        "repeated",
    )
    parser.add_argument(
        "--stage",
        choices=_STAGES,
        help="with --start: prune makes lite of lite-wide and nano of lite, depth trains Z and visibility "
        "alone; docs/training.md describes them",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints and the result")
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="batches in all; of paper, in each stage (default: the preset's)",
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="samples a step, not of paper (default: the preset's)"
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        metavar="R",
        help="at its highest, not of paper (default: the preset's); larger batches stand larger ones",
    )
    parser.add_argument(
        "--teacher-weight",
        type=float,
        metavar="W",
        help="weight of the predictions of `train-data predict-teacher` in the labels, where a careful hand "
        "has 1; 0 needs none (default: 1 for nano, else 0)",
    )
    parser.add_argument(
        "--teacher",
        metavar="NAME|FILE",
        help="a trained network that sees each crop, in place of predictions made once for each photo: twice "
        "the cost, for a GPU",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="(default: the preset's)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (default: auto)")
    parser.add_argument(
        "--precision",
        choices=["bf16", "fp32"],
        help="of most steps (default: bf16; the last ones are in fp32)",
    )
    paper = parser.add_argument_group("of paper only")
    paper.add_argument(
        "--dataset",
        action="append",
        default=[],
        metavar=_DATASET,
        help="train on this set in place of the photos below --data (docs/datasets.md lists the kinds); may "
        "be repeated",
    )
    paper.add_argument(
        "--resnet152", type=Path, metavar="FILE", help="ImageNet weights that part detection starts from"
    )
    paper.add_argument(
        "--resnet200", type=Path, metavar="FILE", help="ImageNet weights that Z regression starts from"
    )
    paper.add_argument("--end-to-end", action="store_true", help="a last stage in which all parts learn")
    blendshapes = parser.add_argument_group("of blendshapes only")
    blendshapes.add_argument(
        "--landmarks",
        default="lite",
        metavar="NAME|FILE",
        help="weights of the landmark network whose points are to be read (default: lite)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trains; progress goes to stdout, a line now and then. 143 after SIGTERM, 130 after Ctrl-C."""
    import cv2

    from face_alignment_3d.training.engine.processes import joined_processes
    from face_alignment_3d.training.engine.training_loop import TrainingStopped

    require_fitting_options(args)
    # The batches are made on threads of their own; OpenCV's would only fight with them and with torch's.
    cv2.setNumThreads(1)
    others = {"blendshapes": _train_blendshapes, "scout": _train_scout, "paper": _train_paper}
    train = others.get(args.preset, _train_joint)
    with joined_processes(args.device) as processes:
        report = _print_with_time if processes.is_main else _keep_quiet
        try:
            entry = train(args, processes, report)
        except TrainingStopped as stopped:
            if processes.is_main:
                print(stopped, file=sys.stderr)
            return stopped.exit_code
    for name, value in ({} if entry is None else entry.metrics).items():
        print(f"{name}: {value}")
    return 0


def _train_blendshapes(
    args: argparse.Namespace, processes: "Processes", report: Callable[[str], None]
) -> "WeightsEntry":
    from face_alignment_3d.training.blendshapes.fitting import BlendshapeConfig
    from face_alignment_3d.training.blendshapes.recipe import run_blendshape_recipe

    _require_one(processes, "blendshapes")
    config = BlendshapeConfig()
    if args.seed is not None:
        config = dataclasses.replace(config, seed=args.seed)
    words = ["face-alignment-3d", "train", "blendshapes", "--data", "DATA", "--out", "runs/blendshapes"]
    words += ["--seed", str(config.seed)]
    if args.landmarks != "lite":
        words += ["--landmarks", "LANDMARKS"]
    return run_blendshape_recipe(
        config, args.data, args.out, landmarks=args.landmarks, command=shlex.join(words), report=report
    )


def _train_scout(
    args: argparse.Namespace, processes: "Processes", report: Callable[[str], None]
) -> "WeightsEntry":
    from face_alignment_3d.training.detection.config import ScoutConfig
    from face_alignment_3d.training.detection.recipe import run_scout_recipe

    _require_one(processes, "scout")
    return run_scout_recipe(
        _with_options(ScoutConfig(), args, steps="steps"),
        args.data,
        args.derived_data,
        args.out,
        start=args.start,
        device=processes.device,
        command=reproducing_command(args),
        report=report,
    )


def _require_one(processes: "Processes", preset: str) -> None:
    if processes.count > 1:
        raise DeviceError(
            f"{preset} is trained by one process, got {processes.count}; start it without torchrun"
        )


def _train_joint(
    args: argparse.Namespace, processes: "Processes", report: Callable[[str], None]
) -> "WeightsEntry | None":
    from face_alignment_3d.training.recipes.config import compact_config
    from face_alignment_3d.training.recipes.recipe import run_joint_recipe
    from face_alignment_3d.weights.store import resolve_weights

    config = dataclasses.replace(
        compact_config(args.preset, args.stage), reinitialized=tuple(dict.fromkeys(args.reinitialize))
    )
    if args.teacher_weight is not None:
        if not 0 <= args.teacher_weight < math.inf:
            raise DataError(f"expected --teacher-weight of at least 0; got {args.teacher_weight}")
        config = dataclasses.replace(config, teacher_weight=args.teacher_weight)
    if args.teacher is not None and config.teacher_weight == 0:
        raise DataError(
            "expected --teacher with a --teacher-weight above 0; got 0, with which it says nothing"
        )
    return run_joint_recipe(
        _with_options(config, args, steps="steps"),
        args.data,
        args.out,
        processes=processes,
        command=reproducing_command(args),
        derived_data=args.derived_data,
        start=args.start,
        teacher=None if args.teacher is None else resolve_weights(args.teacher),
        report=report,
    )


def _train_paper(
    args: argparse.Namespace, processes: "Processes", report: Callable[[str], None]
) -> "WeightsEntry | None":
    from face_alignment_3d.training.recipes.paper_config import END_TO_END, PAPER
    from face_alignment_3d.training.recipes.recipe import run_paper_recipe

    config = _with_options(PAPER, args, steps="stage_steps")
    if args.end_to_end:
        config = dataclasses.replace(config, stages=(*config.stages, END_TO_END))
    return run_paper_recipe(
        config,
        args.out,
        processes=processes,
        command=reproducing_command(args),
        report=report,
        data=args.data,
        derived_data=args.derived_data,
        datasets=[parsed_dataset(text) for text in args.dataset],
        resnet152=args.resnet152,
        resnet200=args.resnet200,
    )


def _with_options(config: "_Config", args: argparse.Namespace, *, steps: str) -> "_Config":
    """The preset's configuration, with the command line's options in it."""
    for name in ("batch_size", "learning_rate"):
        if (value := getattr(args, name)) is not None and not value > 0:
            raise DataError(f"expected --{name.replace('_', '-')} above 0; got {value}")
    given = {
        steps: args.steps,
        "seed": args.seed,
        "precision": args.precision,
        "batch_size": args.batch_size,
        "learning_rate": args.learning_rate,
    }
    return dataclasses.replace(config, **{name: value for name, value in given.items() if value is not None})


def _print_with_time(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, flush=True)


def _keep_quiet(line: str) -> None:
    """Drops the output of all processes but the main one."""
