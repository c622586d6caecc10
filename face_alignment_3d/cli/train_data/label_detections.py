"""``face-alignment-3d train-data label-detections``: all faces of the photos that the scout is trained on."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``label-detections``."""
    parser = subparsers.add_parser(
        "label-detections",
        help="boxes and rolls of all faces, for the scout",
        description="Finds all faces of the photos below DIR: from WIDER FACE's boxes, from the landmarks of "
        "DERIVED/fused_labels.npz, and with two networks, our own for how a head leans and CenterFace (extra "
        "`centerface`) for faces that nobody has labelled. Writes DERIVED/detection_labels.npz.",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder with wider_train/, photos68/, ..."
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DERIVED", help="the folder of fused_labels.npz"
    )
    parser.add_argument("--weights", default="lite", metavar="NAME|FILE", help="our own network (lite)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Labels, writes and prints what was found."""
    from face_alignment_3d.aligner import FaceAligner3D
    from face_alignment_3d.detection.centerface import CenterFaceDetector, installed_file
    from face_alignment_3d.training.detection.labelling import count_photos, label_faces
    from face_alignment_3d.training.detection.labels import FILE_NAME, save_detection_labels
    from face_alignment_3d.training.labels.fused_labels import load_fused_labels
    from face_alignment_3d.version import __version__
    from face_alignment_3d.weights.integrity import sha256_of
    from face_alignment_3d.weights.store import resolve_weights

    fused = load_fused_labels(args.out)
    aligner = FaceAligner3D(args.weights)
    teacher = CenterFaceDetector(max_side=None, threshold=0.3)
    with tqdm(total=count_photos(args.data), unit="photo", file=sys.stderr, disable=None) as bar:
        sets = dict(label_faces(args.data, fused, aligner, teacher, bar.update))
    source = {
        "version": __version__,
        "weights": sha256_of(resolve_weights(args.weights)),
        "teacher": sha256_of(installed_file()),
    }
    save_detection_labels(args.out / FILE_NAME, sets, source=source)
    for name, faces in sets.items():
        print(f"{name}: {len(faces.files)} photos, {len(faces.photo)} faces")
    print(f"wrote {args.out / FILE_NAME}")
    return 0
