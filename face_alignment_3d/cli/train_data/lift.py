"""``face-alignment-3d train-data lift``: hand-made 2D labels to 3D."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from face_alignment_3d.version import __version__

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_DEFAULT_SETS = ("helen_train", "lfpw_train")


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``lift``."""
    parser = subparsers.add_parser(
        "lift",
        help="hand-made 2D points to 3D, by fitting a face model",
        description="Fits a linear face model to the hand-made points of each photo and writes for each set "
        "DERIVED/lifted/SET.npz (the labels), SET.json (the numbers that are printed) and SET.png (a contact "
        "sheet: the fit as lines, the labels as green dots, on the photo and from the head's side). Faces "
        "that the model does not fit are listed and marked as not to be used.",
        epilog="AFW can be lifted for tests; its labels are marked so that no training reads them.",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder that holds photos68/ and models/"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DERIVED", help="where the results go")
    parser.add_argument(
        "--dataset",
        nargs="+",
        default=list(_DEFAULT_SETS),
        metavar="SET",
        help=f"sets below photos68/ (default: {' '.join(_DEFAULT_SETS)})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lifts one set after the other; prints a table for each."""
    from face_alignment_3d.atomic import write_atomically
    from face_alignment_3d.export import write_png
    from face_alignment_3d.training.data.datasets.photos68 import open_photos68
    from face_alignment_3d.training.labels.face_model import load_face_model
    from face_alignment_3d.training.labels.lifted_labels import lift_photos, save_lifted
    from face_alignment_3d.training.labels.lifting_report import lifting_report, lifting_sheet, lifting_table

    # All sets first, so that a misspelt one is found before the work on the others.
    opened = {name: open_photos68(args.data, name) for name in dict.fromkeys(args.dataset)}
    model = load_face_model(args.data)
    folder: Path = args.out / "lifted"
    folder.mkdir(parents=True, exist_ok=True)
    for name, photos in opened.items():
        labels = lift_photos(photos, model)
        report = lifting_report(labels)
        save_lifted(folder / f"{name}.npz", labels)
        text = json.dumps({**_provenance(args.data, name), **report}, indent=2, allow_nan=False) + "\n"
        write_atomically(folder / f"{name}.json", text.encode())
        write_png(folder / f"{name}.png", lifting_sheet(photos, labels, model))
        print(f"{name}, for {labels.purpose}")
        print(lifting_table(report))
        print(f"wrote {name}.npz, {name}.json and {name}.png to {folder}", flush=True)
    return 0


def _provenance(data: Path, name: str) -> dict[str, Any]:
    from face_alignment_3d.weights.integrity import sha256_of

    return {
        "version": __version__,
        "dataset": name,
        "labels_sha256": sha256_of(data / "photos68" / f"{name}.npz"),
    }
