"""Checks that the options of ``face-alignment-3d train`` can be combined."""

import argparse

from face_alignment_3d.errors import DataError


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
