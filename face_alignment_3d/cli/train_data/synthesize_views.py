"""``face-alignment-3d train-data synthesize-views``: photos turned out of plane, with their 3D labels."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from face_alignment_3d.errors import DataError

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_EVALUATION = "afw"
_DEFAULT_SETS = ("helen_train", "lfpw_train", "pseudo")
_FACE_SIZE, _EVALUATION_FACE_SIZE = 120, 200


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``synthesize-views``."""
    parser = subparsers.add_parser(
        "synthesize-views",
        help="photos turned out of plane, up to the profile, with their 3D labels",
        description="Fits ICT-FaceKit to the 3D labels of each photo, gives every pixel a depth and draws "
        "the photo as seen from other sides. Writes for each set DERIVED/novel_views/SET/*.jpg, SET.npz "
        "(labels and "
        "poses) and SET.png (a contact sheet). Photos that an earlier call made are kept.",
        epilog="`afw` makes the turned test set, one view for each bin of yaw; no training reads it.",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder with photos68/, faces/, models/"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DERIVED", help="where the results go")
    parser.add_argument(
        "--dataset",
        nargs="+",
        default=list(_DEFAULT_SETS),
        metavar="SET",
        help="sets below photos68/, or pseudo: faces that networks alone have labelled; the labels are those "
        f"of DERIVED/fused_labels.npz (default: {' '.join(_DEFAULT_SETS)})",
    )
    parser.add_argument("--count", type=int, default=2500, metavar="N", help="faces of `pseudo` (2500)")
    parser.add_argument(
        "--face-size",
        type=int,
        metavar="PX",
        help=f"faces are shrunk to this longer side first ({_FACE_SIZE}, for {_EVALUATION} "
        f"{_EVALUATION_FACE_SIZE})",
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="N photos of a set only, spread over it; not for training"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the poses (1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Makes one set after the other."""
    import cv2

    from face_alignment_3d.export import write_png
    from face_alignment_3d.training.data.datasets.novel_views import PSEUDO_LABELLED, open_novel_views
    from face_alignment_3d.training.data.subsample import subsample
    from face_alignment_3d.training.novel_views.head_model import load_head_model
    from face_alignment_3d.training.novel_views.poses import EVALUATION, TRAINING, TRAINING_SINGLE
    from face_alignment_3d.training.novel_views.sources import open_sources
    from face_alignment_3d.training.novel_views.views import make_views, views_sheet

    numbers = {"--count": args.count, "--face-size": args.face_size, "--limit": args.limit}
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise DataError(f"expected {name} of at least 1; got {value}")
    # Views are drawn on threads of their own; OpenCV's would only fight with them.
    cv2.setNumThreads(1)
    heads = load_head_model(args.data)
    poses = {_EVALUATION: EVALUATION, PSEUDO_LABELLED: TRAINING_SINGLE}
    for name in dict.fromkeys(args.dataset):
        size = args.face_size or (_EVALUATION_FACE_SIZE if name == _EVALUATION else _FACE_SIZE)
        sources = open_sources(args.data, args.out, name, face_size=size, count=args.count)
        sources = [sources[i] for i in subsample(len(sources), args.limit)]
        out = args.out / "novel_views" / name
        with tqdm(total=len(sources), unit="photo", desc=name, file=sys.stderr, disable=None) as bar:
            count = make_views(
                sources, heads, poses.get(name, TRAINING), out, seed=args.seed, progress=bar.update
            )
        views = open_novel_views(args.out, name)
        write_png(out.with_name(f"{name}.png"), views_sheet(views))
        print(f"{name}: {count} views of {len(sources)} photos, SHA-256 {views.digest()}", flush=True)
    return 0
