"""``face-alignment-3d evaluate``: measures the accuracy of weights on labelled photos."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``evaluate``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure weights on labelled photos",
        description="Compares the landmarks of photos with their labels, from their boxes and with the "
        "detector, and prints a table. docs/evaluation.md says what each number means.",
        epilog="Choose on `holdout`, the photos that training kept for validation; keep `afw`, `aflw2000` "
        "and `merl-rav` for the end.",
    )
    parser.add_argument(
        "--dataset",
        default="holdout",
        metavar="NAME",
        help="holdout (the default), afw, helen_train, lfpw_train; holdout-novel-views, afw-novel-views; "
        "aflw2000, merl-rav",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the folder that holds photos68/, models/, aflw2000_dev.npz and aflw_dev.npz; for aflw2000 also "
        "that of its .jpg and .mat files",
    )
    parser.add_argument(
        "--derived-data",
        type=Path,
        metavar="DIR",
        help="for turned sets: the folder that `train-data synthesize-views` wrote novel_views/ to; for "
        "aflw2000, optional: the folder with the markup offset that was measured on training faces",
    )
    parser.add_argument("--weights", default="lite", metavar="NAME|FILE", help="see `weights list` (lite)")
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1, mps")
    parser.add_argument("--limit", type=int, metavar="N", help="N photos only, spread over the set")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="also write report.json, table.md (for a README), curve.png, gte_curve.png and worst.png there",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints the table and writes what was asked for."""
    from face_alignment_3d import FaceAligner3D
    from face_alignment_3d.training.evaluation.evaluate import evaluate
    from face_alignment_3d.training.evaluation.files import provenance, write_evaluation
    from face_alignment_3d.training.evaluation.sets import open_labelled
    from face_alignment_3d.training.evaluation.tables import text

    labelled = open_labelled(args.dataset, data=args.data, derived_data=args.derived_data, limit=args.limit)
    aligner = FaceAligner3D(args.weights, device=args.device)
    with tqdm(total=len(labelled.truth), unit="photo", file=sys.stderr, disable=None) as bar:
        evaluation = evaluate(aligner, labelled, progress=bar.update)
    print(f"{args.dataset}, {len(labelled.truth)} photos, weights {args.weights}, {aligner.device}")
    print(f"set {labelled.digest}")
    if labelled.note:
        print(labelled.note)
    print(text(evaluation.report))
    if args.output is not None:
        belongs_to = {
            **provenance(_command(args), args.weights),
            "dataset": args.dataset,
            "dataset_sha256": labelled.digest,
            "limit": args.limit,
            "device": str(aligner.device),
        }
        names = write_evaluation(args.output, evaluation, labelled, belongs_to)
        print(f"wrote {', '.join(names)} to {args.output}")
    return 0


def _command(args: argparse.Namespace) -> list[str]:
    """The command line of this run, as it can be typed again."""
    command = ["face-alignment-3d", "evaluate"]
    for option in ("dataset", "data", "derived_data", "weights", "device", "limit", "output"):
        value = getattr(args, option)
        if value is not None:
            command += [f"--{option.replace('_', '-')}", str(value)]
    return command
