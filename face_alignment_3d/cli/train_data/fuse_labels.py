"""``face-alignment-3d train-data fuse-labels``: labels in 3D of all photos that are trained on."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from face_alignment_3d.errors import DataError

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    from face_alignment_3d.training.labels.network_points import Network

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``fuse-labels``."""
    parser = subparsers.add_parser(
        "fuse-labels",
        help="3D labels from hand-made points, networks and a face model",
        description="Fits one face model to all that is known of each face below DIR: hand-made points, "
        "3DDFA_V2's and, with --weights, those of our own networks; measures by how much each markup differs "
        "from the model's vertices. Writes DERIVED/fused_labels.npz, fused_labels.json (the numbers that are "
        "printed and more) and fused_labels.png (a contact sheet). When it was stopped, the same command "
        "goes on.",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder with photos68/, faces/, models/"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DERIVED", help="where the results go")
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help="a network whose points are used too; may be repeated (default: none, as before the first one)",
    )
    parser.add_argument("--views", type=int, default=4, metavar="N", help="crops a network (4)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of fitting and measuring (3)")
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1, mps")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="N faces of each set, spread over it; not for training"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Labels, writes and prints a table."""
    import cv2

    from face_alignment_3d.atomic import write_atomically
    from face_alignment_3d.export import write_png
    from face_alignment_3d.training.data.datasets.face_sets import open_training_sets
    from face_alignment_3d.training.data.face_model import load_face_model
    from face_alignment_3d.training.data.subsample import subsample
    from face_alignment_3d.training.labels.fused_labels import FILE_NAME, bind, save_fused_labels
    from face_alignment_3d.training.labels.fusion import fuse
    from face_alignment_3d.training.labels.fusion_report import fusion_report, fusion_sheet, fusion_table
    from face_alignment_3d.training.labels.network_points import (
        describe_networks,
        predict_sets,
        remove_parts,
    )
    from face_alignment_3d.training.labels.views import ensemble_views
    from face_alignment_3d.version import __version__

    for name, value in {"--rounds": args.rounds, "--limit": args.limit}.items():
        if value is not None and value < 1:
            raise DataError(f"expected {name} of at least 1; got {value}")
    # Photos are read on threads of their own; OpenCV's would only fight with them and with torch's.
    cv2.setNumThreads(1)
    networks, views = _networks(args.weights, args.device), ensemble_views(args.views)
    model = load_face_model(args.data)
    sets = [faces.subset(subsample(len(faces), args.limit)) for faces in open_training_sets(args.data)]
    digests = {faces.name: faces.digests() for faces in sets}
    parts = args.out / "network_points.parts"
    total = sum(map(len, sets)) if networks else 0
    with tqdm(total=total, unit="face", file=sys.stderr, disable=None if networks else True) as bar:
        network = predict_sets(sets, networks, views, parts, digests=digests, progress=bar.update)
    fused = fuse(sets, network, model, rounds=args.rounds)
    source = {
        "version": __version__,
        "rounds": args.rounds,
        "networks": describe_networks(networks, views) if networks else None,
    }
    labels = bind(fused, model, sets, digests, source)
    report = fusion_report(labels, sets)
    result = args.out / FILE_NAME
    args.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    write_atomically(result.with_suffix(".json"), text.encode())
    write_png(result.with_suffix(".png"), fusion_sheet(labels, sets))
    # Last, so that a file that is there has all the others beside it.
    save_fused_labels(result, labels)
    remove_parts(parts)
    print(fusion_table(report))
    print(f"wrote {result}, and .json and .png beside it")
    return 0


def _networks(weights: list[str], device: str) -> "list[Network]":
    if not weights:
        return []
    import torch

    from face_alignment_3d.devices import choose_device
    from face_alignment_3d.training.labels.network_points import Network
    from face_alignment_3d.weights.integrity import sha256_of
    from face_alignment_3d.weights.loading import load_cascade
    from face_alignment_3d.weights.store import resolve_weights

    networks = []
    for name in dict.fromkeys(weights):
        path = resolve_weights(name)
        cascade = load_cascade(path, device=choose_device(device)).to(memory_format=torch.channels_last)
        networks.append(Network(Path(name).name, sha256_of(path), cascade))
    return networks
