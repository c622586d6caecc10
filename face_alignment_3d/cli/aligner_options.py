"""The options that choose an aligner, and the aligner that they choose."""

import argparse
from typing import TYPE_CHECKING

from face_alignment_3d.cli.values import number, pixels, seconds_or_none

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    from face_alignment_3d import FaceAligner3D


def add_aligner_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for the runtime, the weights, the detector and blendshapes."""
    parser.add_argument("--blendshapes", action="store_true", help="estimate ARKit's 52 blendshapes as well")
    parser.add_argument(
        "--device", default="auto", help="the device: auto (the default), cpu, cuda, cuda:1, mps"
    )
    parser.add_argument(
        "--backend",
        choices=["auto", "torch", "onnx"],
        default="auto",
        help="the runtime of the networks: torch, onnx (ONNX Runtime), or auto (the default): torch where it "
        "is installed",
    )
    parser.add_argument(
        "--weights", default="lite", metavar="NAME|FILE", help="a name of `weights list` (lite), or a file"
    )
    parser.add_argument("--offline", action="store_true", help="never download weights")
    parser.add_argument(
        "--detector",
        choices=["mtcnn", "scout", "combined", "centerface"],
        help="heads at any angle: scout, mtcnn, or combined, which asks mtcnn where scout is unsure and "
        "finds most; centerface finds crowds and tiny upright faces (combined)",
    )
    parser.add_argument(
        "--min-confidence",
        type=float,
        metavar="C",
        help="certainty from which on something is a face, in [0, 1] (0.22); 0 gives all that may be one",
    )
    parser.add_argument(
        "--min-face",
        type=pixels,
        metavar="N",
        help="not with centerface: find faces down to N pixels; smaller is slower",
    )


def add_tracking_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--smooth``, ``--alignment-interval`` and ``--max-faces``."""
    parser.add_argument(
        "--smooth", action=argparse.BooleanOptionalAction, default=True, help="calm the landmarks (yes)"
    )
    parser.add_argument(
        "--alignment-interval",
        type=seconds_or_none,
        default=0.1,
        metavar="SECONDS",
        help="the longest that optical flow follows a face before the network aligns it again (0.1); 0: the "
        "network aligns every frame, which takes several times as long",
    )
    parser.add_argument(
        "--max-faces",
        type=number,
        metavar="N",
        help="follow at most N faces, the largest first; it takes less time while so many are in sight (all)",
    )


def make_aligner(
    args: argparse.Namespace, *, blendshapes: bool = False, threads: int | None = None
) -> "FaceAligner3D":
    """The aligner that the options of :func:`add_aligner_options` choose.

    With ``blendshapes`` the aligner estimates blendshapes even without the option; ``threads`` is as of
    :class:`face_alignment_3d.FaceAligner3D`.
    """
    from face_alignment_3d import FaceAligner3D
    from face_alignment_3d.backends.factory import choose
    from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
    from face_alignment_3d.detection.factory import DEFAULT_DETECTOR, with_min_face_size

    offline = True if args.offline else None
    detector = with_min_face_size(
        args.detector or DEFAULT_DETECTOR,
        args.min_face,
        backend=choose(args.weights, args.backend),
        device=args.device,
        threads=threads,
    )
    aligner = FaceAligner3D(
        args.weights,
        backend=args.backend,
        device=args.device,
        threads=threads,
        detector=detector,
        min_confidence=MIN_CONFIDENCE if args.min_confidence is None else args.min_confidence,
        blendshapes=args.blendshapes or blendshapes,
        offline=offline,
    )
    # What is wrong with weights or runtime is said once, not of each photo.
    aligner.load(detector=getattr(args, "boxes", None) is None)
    return aligner
