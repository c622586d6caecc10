"""``face-alignment-3d train``: makes a weight file from photos."""

import argparse
import dataclasses
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from face_alignment_3d.errors import DataError

if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``train``."""
    parser = subparsers.add_parser(
        "train",
        help="train weights; the same command resumes a stopped run",
        description="Trains a preset and exports it. A run that was stopped, even killed, goes on from its "
        "last checkpoint when the same command is given again. docs/training.md describes the data.",
    )
    parser.add_argument("preset", choices=["lite"], help="what to train")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="photos68/, faces/ and models/"
    )
    parser.add_argument(
        "--made",
        type=Path,
        metavar="DIR",
        help="what `train-data` made of the photos: refine --start with turned photos and pseudo-labels",
    )
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights to refine, with --made")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints and the result")
    parser.add_argument("--steps", type=int, metavar="N", help="batches in all (default: the preset's)")
    parser.add_argument("--seed", type=int, metavar="N", help="(default: the preset's)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (default: auto)")
    parser.add_argument(
        "--precision",
        choices=["bf16", "fp32"],
        help="of most steps (default: bf16; the last ones are in fp32)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trains; progress goes to stdout, a line now and then."""
    import cv2

    from face_alignment_3d.devices import choose_device
    from face_alignment_3d.training.config import LITE, LITE_REFINED
    from face_alignment_3d.training.recipe import run_recipe

    if (args.made is None) != (args.start is None):
        raise DataError(
            "expected --made and --start together, got one of them; docs/training.md has an example"
        )
    recipe = LITE if args.made is None else LITE_REFINED
    # The batches are made on threads of their own; OpenCV's would only fight with them and with torch's.
    cv2.setNumThreads(1)
    given = {name: getattr(args, name) for name in ("steps", "seed", "precision")}
    config = dataclasses.replace(
        recipe, **{name: value for name, value in given.items() if value is not None}
    )
    entry = run_recipe(
        config,
        args.data,
        args.out,
        device=choose_device(args.device),
        command=_command(args),
        made=args.made,
        start=args.start,
        report=lambda line: print(time.strftime("%H:%M:%S"), line, flush=True),
    )
    for name, value in entry.metrics.items():
        print(f"{name}: {value}")
    return 0


def _command(args: argparse.Namespace) -> str:
    """The command that makes the same weights, with a neutral place for the data."""
    words = ["face-alignment-3d", "train", args.preset, "--data", "DATA"]
    out = f"runs/{args.preset}"
    if args.start is not None:
        words += ["--made", "MADE", "--start", f"{out}/{args.preset}.safetensors"]
        out += "-refined"
    words += ["--out", out]
    for name in ("steps", "seed", "precision"):
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join(words)
