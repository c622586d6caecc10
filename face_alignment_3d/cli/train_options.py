"""The options of ``face-alignment-3d train``: those that can be combined, and the command that they make."""

import argparse
import shlex
from pathlib import Path

from face_alignment_3d.errors import DataError

_DATASET = "KIND=DIR"


def require_fitting_options(args: argparse.Namespace) -> None:
    """Raises :class:`DataError` for options that cannot be combined, before any file is read."""
    if args.stage is not None and args.start is None:
        raise DataError("expected --stage with --start, the weights to go on from; got it alone")
    if args.reinitialize and args.start is None:
        raise DataError("expected --reinitialize with --start; got it alone: random weights are the default")
    if args.preset == "paper":
        _check_paper(args)
        return
    if args.preset == "blendshapes":
        _check_blendshapes(args)
    given = [
        name
        for name, value in (
            ("--dataset", args.dataset),
            ("--resnet152", args.resnet152),
            ("--resnet200", args.resnet200),
            ("--end-to-end", args.end_to_end),
        )
        if value
    ]
    if given:
        raise DataError(f"expected {', '.join(given)} with paper only, got {args.preset}; leave it out")
    if args.data is None:
        raise DataError("expected --data DIR, the folder of photos; docs/training.md describes it")
    if args.derived_data is None and args.preset != "blendshapes":
        raise DataError(
            "expected --derived-data, the folder that `face-alignment-3d train-data` wrote to "
            "(docs/training.md names the commands); got none"
        )
    if args.preset == "scout":
        _check_scout(args)
    if args.stage == "prune" and args.preset not in ("nano", "lite"):
        raise DataError(f"expected --stage prune with nano or lite, got it with {args.preset}")


def _check_blendshapes(args: argparse.Namespace) -> None:
    options = {
        "--derived-data": args.derived_data,
        "--start": args.start,
        "--steps": args.steps,
        "--precision": args.precision,
        "--teacher-weight": args.teacher_weight,
        "--teacher": args.teacher,
    }
    if given := [name for name, value in options.items() if value is not None]:
        raise DataError(f"expected no {', '.join(given)} with blendshapes; leave it out")


def _check_scout(args: argparse.Namespace) -> None:
    options = {
        "--teacher-weight": args.teacher_weight,
        "--teacher": args.teacher,
        "--stage": args.stage,
        "--reinitialize": args.reinitialize or None,
    }
    if given := [name for name, value in options.items() if value is not None]:
        raise DataError(f"expected no {', '.join(given)} with scout; leave it out")


def _check_paper(args: argparse.Namespace) -> None:
    if args.stage is not None:
        raise DataError("expected --stage with lite, got it with paper; leave it out")
    if args.start is not None:
        raise DataError("expected --start with lite or base, got it with paper; leave it out")
    if args.batch_size is not None or args.learning_rate is not None:
        raise DataError("expected --batch-size and --learning-rate with lite or base, got one with paper")
    if args.teacher_weight is not None or args.teacher is not None:
        raise DataError("expected --teacher-weight and --teacher with nano, lite or base, got one with paper")
    if args.derived_data is not None and args.data is None:
        raise DataError("expected --data with --derived-data, got --derived-data alone")
    if args.data is None and not args.dataset:
        raise DataError("expected --data DIR or --dataset KIND=DIR, got neither")
    if not args.dataset and args.derived_data is None:
        raise DataError("expected --derived-data with --data, for its labels; got --data alone")
    if args.derived_data is not None and args.dataset:
        raise DataError("expected --derived-data or --dataset, got both; they are for different photos")


def parsed_dataset(text: str) -> tuple[str, Path]:
    """Kind and folder of a ``--dataset``."""
    kind, separator, directory = text.partition("=")
    if not separator or not directory:
        raise DataError(f"expected --dataset {_DATASET}, got {text!r}")
    return kind, Path(directory)


def reproducing_command(args: argparse.Namespace) -> str:
    """The command that makes the same weights, with a placeholder for the data folder."""
    from face_alignment_3d.weights.integrity import sha256_of
    from face_alignment_3d.weights.store import resolve_weights

    words = ["face-alignment-3d", "train", args.preset]
    if args.data is not None:
        words += ["--data", "DATA"]
    for text in args.dataset:
        words += ["--dataset", f"{parsed_dataset(text)[0]}=DATASET"]
    if args.derived_data is not None:
        words += ["--derived-data", "DERIVED"]
    if args.start is not None:
        # By its digest: what a folder is called says nothing of what lies in it.
        words += ["--start", f"{sha256_of(args.start)[:16]}.safetensors"]
    for prefix in dict.fromkeys(args.reinitialize):
        words += ["--reinitialize", prefix]
    if args.stage is not None:
        words += ["--stage", args.stage]
    if args.teacher is not None:
        words += ["--teacher", f"{sha256_of(resolve_weights(args.teacher))[:16]}.safetensors"]
    for name in ("resnet152", "resnet200"):
        if getattr(args, name) is not None:
            words += [f"--{name}", f"{name}.safetensors"]
    if args.end_to_end:
        words += ["--end-to-end"]
    words += ["--out", f"runs/{args.preset}"]
    for name in ("steps", "seed", "precision", "batch_size", "learning_rate", "teacher_weight"):
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
