"""The parser, and how errors end."""

import argparse
import sys
from collections.abc import Callable, Sequence

from face_alignment_3d.cli import (
    align,
    evaluate,
    export,
    info,
    train,
    train_data,
    video,
    view,
    webcam,
    weights,
)
from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.optional import optional_import
from face_alignment_3d.version import __version__

_COMMANDS = (align, video, view, webcam, train, train_data, evaluate, export, weights, info)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``face-alignment-3d`` with ``argv``, by default the process's own; returns the exit code.

    0 when all went well, 1 when some of the work failed, 2 when nothing could be done, 130 on Ctrl-C.
    """
    args = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        with optional_import("this command"):
            return run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (FaceAlignmentError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="face-alignment-3d",
        description="66 3D facial landmarks from photos, and the training behind them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser
