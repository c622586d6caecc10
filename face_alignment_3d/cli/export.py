"""``face-alignment-3d export``: networks for other runtimes."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from face_alignment_3d.errors import FaceAlignmentError

if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_DETECTOR, _SCOUT = "mtcnn", "scout"


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``export`` and its formats."""
    parser = subparsers.add_parser("export", help="write networks for other runtimes")
    formats = parser.add_subparsers(dest="format", required=True, metavar="FORMAT")
    onnx = formats.add_parser(
        "onnx",
        help="ONNX files, for ONNX Runtime and other runtimes that read them",
        description="Writes the cascade of WEIGHTS as one graph, crops in and landmarks out, or with the "
        f"name {_DETECTOR} the three graphs of that face detector into a folder; {_SCOUT} is the other face "
        "detector, photos in and faces out. docs/onnx.md has their "
        "inputs and outputs.",
    )
    onnx.add_argument(
        "weights", metavar="WEIGHTS", help=f"a name (`weights list`), a .safetensors file, or {_DETECTOR}"
    )
    onnx.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"the .onnx file, or with {_DETECTOR} the folder",
    )
    onnx.add_argument("--offline", action="store_true", help="never download weights")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the files, each whole or not at all, and prints their paths."""
    if args.weights == _DETECTOR:
        from face_alignment_3d.detection.mtcnn_graphs import detector_graphs

        files = {args.output / name: content for name, content in detector_graphs().items()}
    else:
        from face_alignment_3d.onnx_graphs.cascade_graph import cascade_graph
        from face_alignment_3d.weights.safetensors_file import SCOUT_FORMAT, read_metadata
        from face_alignment_3d.weights.store import resolve_weights

        # An aligner tells graphs from weights by this ending.
        if args.output.suffix != ".onnx":
            raise FaceAlignmentError(f"expected a file that ends with .onnx; got -o {args.output}")
        path = resolve_weights(args.weights, offline=True if args.offline else None)
        if read_metadata(path).get("format") == SCOUT_FORMAT:
            from face_alignment_3d.detection.scout.graph import scout_graph

            files = {args.output: scout_graph(path)}
        else:
            files = {args.output: cascade_graph(path)}
    _write(files)
    return 0


def _write(files: dict[Path, bytes]) -> None:
    from face_alignment_3d.atomic import write_atomically

    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
        print(f"{file}: {len(content) / 1e6:.1f} MB")
