"""``face-alignment-3d evaluate``: how accurate weights are on hand-labelled photos."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from face_alignment_3d.version import __version__

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from face_alignment_3d.training.datasets.photos68 import Photos68
    from face_alignment_3d.training.evaluation import Evaluation

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_WORST = 40


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``evaluate``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure weights on hand-labelled photos",
        description="Compares the landmarks of photos with hand-made points, from their boxes and with the "
        "detector, and prints a table. docs/evaluation.md says what each number means.",
        epilog="Choose on `holdout`, the photos that training kept for validation; keep `afw` for the end.",
    )
    parser.add_argument(
        "--dataset",
        default="holdout",
        metavar="NAME",
        help="holdout (the default), afw, helen_train, lfpw_train",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder that holds photos68/ and models/"
    )
    parser.add_argument("--weights", default="lite", metavar="NAME|FILE", help="see `weights list` (lite)")
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1, mps")
    parser.add_argument("--limit", type=int, metavar="N", help="N photos only, spread over the set")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help=f"also write report.json, curve.png and worst.png (the {_WORST} worst faces) there",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints the table and writes what was asked for."""
    from face_alignment_3d import FaceAligner3D
    from face_alignment_3d.training.evaluation import evaluate
    from face_alignment_3d.training.evaluation_sets import open_dataset
    from face_alignment_3d.training.evaluation_table import table
    from face_alignment_3d.training.face_model import load_face_model
    from face_alignment_3d.training.lifting import lift

    photos = open_dataset(args.data, args.dataset, limit=args.limit)
    aligner = FaceAligner3D(args.weights, device=args.device)
    lifted = lift(photos.points68, load_face_model(args.data))
    with tqdm(total=len(photos.names), unit="photo", file=sys.stderr, disable=None) as bar:
        evaluation = evaluate(aligner, photos, lifted, progress=bar.update)
    print(f"{args.dataset}, {len(photos.names)} photos, weights {args.weights}, {aligner.device}")
    print(table(evaluation.report))
    if args.output is not None:
        args.output.mkdir(parents=True, exist_ok=True)
        _write(args.output, evaluation, photos, _circumstances(args, str(aligner.device)))
        print(f"wrote report.json, curve.png and worst.png to {args.output}")
    return 0


def _circumstances(args: argparse.Namespace, device: str) -> dict[str, Any]:
    from face_alignment_3d.weights.integrity import sha256_of
    from face_alignment_3d.weights.store import resolve_weights

    return {
        "version": __version__,
        "dataset": args.dataset,
        "limit": args.limit,
        "weights": str(args.weights),
        "weights_sha256": sha256_of(resolve_weights(args.weights)),
        "device": device,
    }


def _write(output: Path, evaluation: "Evaluation", photos: "Photos68", circumstances: dict[str, Any]) -> None:
    from face_alignment_3d.atomic import write_atomically
    from face_alignment_3d.export import write_png
    from face_alignment_3d.training.curves import draw_error_curves

    report = evaluation.report
    content = {**circumstances, **report.as_dict()}
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_atomically(output / "report.json", text.encode())
    curves = {"given boxes": report.inner_given(), "own detector": report.inner_found()}
    write_png(output / "curve.png", draw_error_curves(curves))
    write_png(output / "worst.png", _worst(evaluation, photos))


def _worst(evaluation: "Evaluation", photos: "Photos68") -> "npt.NDArray[np.uint8]":
    import numpy as np

    from face_alignment_3d.markup import FROM_68
    from face_alignment_3d.training.contact_sheet import Tile, contact_sheet

    faces = evaluation.report.faces
    order = np.argsort(-evaluation.report.inner_given(), kind="stable")[:_WORST]
    return contact_sheet(
        [
            Tile(
                photos.image(i),
                evaluation.predictions.given[i],
                photos.points68[i, FROM_68],
                f"{faces[i].inner_given:.1f} %  yaw {faces[i].yaw:.0f}  {Path(faces[i].name).name}",
            )
            for i in order
        ]
    )
