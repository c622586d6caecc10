"""The parser, and the handling of errors at the end."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from face_alignment_3d.cli import (
    align,
    batch,
    evaluate,
    export,
    info,
    serve,
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

_SIGPIPE: Final = 13

_COMMANDS = (align, batch, video, view, webcam, serve, train, train_data, evaluate, export, weights, info)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``face-alignment-3d`` with ``argv``, by default the process's own; returns the exit code.

    0 when all went well, 1 when some of the work failed, 2 when nothing could be done, 130 on Ctrl-C, 141
    when the reader of the output has closed it, as in ``... | head``.
    """
    with _every_letter_printed():
        try:
            try:
                return _run(argv)
            finally:
                if sys.stdout is not None and not sys.stdout.closed:
                    sys.stdout.flush()
        except BrokenPipeError:
            _print_no_more()
            return 128 + _SIGPIPE
        except OSError as error:
            _print_no_more()
            print(f"error: cannot print what was done: {error}", file=sys.stderr)
            return 1


def _run(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        with optional_import("this command"):
            return run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except (FaceAlignmentError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"error: this needs the package {error.name}, which is not installed", file=sys.stderr)
        return 2


@contextmanager
def _every_letter_printed() -> Iterator[None]:
    """Prints characters that the console's encoding lacks as escapes."""
    output = sys.stdout
    if not isinstance(output, io.TextIOWrapper):
        yield
        return
    before = output.errors
    output.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        if not output.closed:
            output.reconfigure(errors=before)


def _print_no_more() -> None:
    """Sends the rest of the output to the null device: printing it when Python ends would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
        except AttributeError:  # Without a console there is none.
            continue
    os.close(nowhere)


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
