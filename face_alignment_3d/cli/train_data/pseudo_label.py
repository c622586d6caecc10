"""``face-alignment-3d train-data pseudo-label``: labels by an ensemble, for faces without hand-made ones."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    import torch

    from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
    from face_alignment_3d.training.labels.pseudo_labels import Network

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``pseudo-label``."""
    parser = subparsers.add_parser(
        "pseudo-label",
        help="labels by trained networks for faces that no hand has labelled",
        description="Looks at the faces below DIR/faces with every network given, in several views, and "
        "joins what they say with the teachers' points. Writes DERIVED/pseudo_labels.npz (points and "
        "weights), "
        "pseudo_labels.json (the numbers that are printed) and pseudo_labels.png (a contact sheet: the label "
        "as lines, 3DDFA_V2's points as green dots). When it was stopped, the same command goes on.",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder that holds faces/ and models/"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DERIVED", help="where the results go")
    parser.add_argument(
        "--weights",
        action="append",
        metavar="NAME|FILE",
        help="a network of the ensemble; give it again for another one (default: lite)",
    )
    parser.add_argument("--views", type=int, default=8, metavar="N", help="looks a network (8)")
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1, mps")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="N faces only, spread over the list; not for training"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Labels, writes and prints a table."""
    import cv2

    from face_alignment_3d.atomic import write_atomically
    from face_alignment_3d.devices import choose_device
    from face_alignment_3d.export import write_png
    from face_alignment_3d.markup import FROM_68
    from face_alignment_3d.training.labels.face_model import load_face_model
    from face_alignment_3d.training.labels.pseudo_label_report import (
        pseudo_label_report,
        pseudo_label_sheet,
        pseudo_label_table,
    )
    from face_alignment_3d.training.labels.pseudo_labels import (
        describe_source,
        is_made,
        make_pseudo_labels,
        remove_parts,
        save_pseudo_labels,
    )
    from face_alignment_3d.training.labels.views import ensemble_views

    # Photos are read on threads of their own; OpenCV's would only fight with them and with torch's.
    cv2.setNumThreads(1)
    views = ensemble_views(args.views)
    networks = _networks(args.weights or ["lite"], choose_device(args.device))
    faces = _faces(args.data, args.limit)
    mean_face = load_face_model(args.data).mean[FROM_68]
    result, parts = args.out / "pseudo_labels.npz", args.out / "pseudo_labels.parts"
    if is_made(result, describe_source(networks, views, faces)):
        print(f"{result} was made with these weights, views and faces; delete it to make it again")
        return 0
    with tqdm(total=len(faces.names), unit="face", file=sys.stderr, disable=None) as bar:
        made = make_pseudo_labels(faces, networks, views, mean_face, parts, progress=bar.update)
    report = pseudo_label_report(made)
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    write_atomically(result.with_suffix(".json"), text.encode())
    write_png(result.with_suffix(".png"), pseudo_label_sheet(faces, made))
    # Last, so that a file that is there has all the others beside it.
    save_pseudo_labels(result, made)
    remove_parts(parts, made.source)
    print(pseudo_label_table(report))
    print(f"wrote {result}, and .json and .png beside it")
    return 0


def _networks(weights: list[str], device: "torch.device") -> "list[Network]":
    import torch

    from face_alignment_3d.training.labels.pseudo_labels import Network
    from face_alignment_3d.weights.integrity import sha256_of
    from face_alignment_3d.weights.loading import load_cascade
    from face_alignment_3d.weights.store import resolve_weights

    networks = []
    for name in dict.fromkeys(weights):
        path = resolve_weights(name)
        cascade = load_cascade(path, device=device).to(memory_format=torch.channels_last)
        networks.append(Network(Path(name).name, sha256_of(path), cascade))
    return networks


def _faces(data: Path, limit: int | None) -> "TeacherLabelledFaces":
    from face_alignment_3d.errors import DataError
    from face_alignment_3d.training.data.datasets.teachers import open_teacher_labelled_faces
    from face_alignment_3d.training.data.subsample import subsample
    from face_alignment_3d.training.data.teacher_labelled_photos import select

    if limit is not None and limit < 1:
        raise DataError(f"expected a limit of at least 1 face; got {limit}")
    faces = open_teacher_labelled_faces(data)
    return select(faces, subsample(len(faces.names), limit))
