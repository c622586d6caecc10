"""The command that makes the weights of a run again, as their metadata name it."""

import argparse
import shlex
from pathlib import Path

from face_alignment_3d.errors import DataError

_DATASET = "KIND=DIR"


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
