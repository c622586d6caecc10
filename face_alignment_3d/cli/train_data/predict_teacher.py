"""``face-alignment-3d train-data predict-teacher``: predictions of a trained network on the photos."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``predict-teacher``."""
    parser = subparsers.add_parser(
        "predict-teacher",
        help="points and visibility that a trained network finds, for a smaller one to learn from",
        description="Shows a trained network every photo below DIR and every novel view below DERIVED, in "
        "several crops each, and writes the means to DERIVED/teacher_predictions.npz. `train nano` learns "
        "from them beside the labels.",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder with photos68/, faces/, models/"
    )
    parser.add_argument(
        "--derived-data",
        type=Path,
        required=True,
        metavar="DERIVED",
        help="the folder of fused labels and novel views; the result goes there too",
    )
    parser.add_argument("--weights", default="lite", metavar="NAME|FILE", help="the teacher (lite)")
    parser.add_argument("--views", type=int, default=4, metavar="N", help="crops a photo (4)")
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1, mps")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predicts and writes."""
    import cv2
    import torch

    from face_alignment_3d.devices import choose_device
    from face_alignment_3d.training.labels.teacher_predictions import (
        FILE_NAME,
        open_teacher_photos,
        predict_teacher,
        save_teacher_predictions,
    )
    from face_alignment_3d.training.labels.views import ensemble_views
    from face_alignment_3d.version import __version__
    from face_alignment_3d.weights.integrity import sha256_of
    from face_alignment_3d.weights.loading import load_cascade
    from face_alignment_3d.weights.store import resolve_weights

    # Photos are read on threads of their own; OpenCV's would only fight with them and with torch's.
    cv2.setNumThreads(1)
    views = ensemble_views(args.views)
    weights = resolve_weights(args.weights)
    cascade = load_cascade(weights, device=choose_device(args.device)).to(memory_format=torch.channels_last)
    photos = open_teacher_photos(args.data, args.derived_data)
    total = sum(len(each.points) for each in photos.values())
    with tqdm(total=total, unit="photo", file=sys.stderr, disable=None) as bar:
        found = {
            name: predict_teacher(each, cascade, views, progress=bar.update) for name, each in photos.items()
        }
    source = {"version": __version__, "weights_sha256": sha256_of(weights), "views": len(views)}
    result = args.derived_data / FILE_NAME
    save_teacher_predictions(result, found, source)
    print(f"wrote {result}: {total} photos, {len(views)} views each, by {weights.name}")
    return 0
