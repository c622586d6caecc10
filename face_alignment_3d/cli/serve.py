"""``face-alignment-3d serve``: a page for cameras, photos and videos, and an HTTP API."""

import argparse
import os
import sys
import webbrowser
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from face_alignment_3d.cli.aligner_options import (
    add_aligner_options,
    add_tracking_options,
    make_aligner,
)
from face_alignment_3d.optional import is_installed

if TYPE_CHECKING:
    from face_alignment_3d.serve import ServerConfig

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

#: The environment variable of the token. Options can be seen by other users of the machine.
TOKEN_VARIABLE: Final = "FACE_ALIGNMENT_3D_TOKEN"  # noqa: S105

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``serve``."""
    parser = subparsers.add_parser(
        "serve",
        help="a page for cameras and photos, and an HTTP API",
        description="Serves a page that shows the faces of a camera, a photo or a video live, and an HTTP "
        "API. Only this machine reaches it, unless --host says otherwise. Ctrl-C ends it.",
        epilog="Exit code: 0 when it was stopped by Ctrl-C, SIGTERM or SIGHUP; 2 when it could not start.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="the port; 0 takes a free one (8000)")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument(
        "--token",
        help=f"the token that clients have to send; better set as {TOKEN_VARIABLE} in the environment",
    )
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="URL",
        help="a further web page that may use this server, or the server's own name behind a proxy, such as "
        "https://faces.example.com; may be given several times",
    )
    parser.add_argument("--max-connections", type=_count, default=16, metavar="N", help="live videos (16)")
    parser.add_argument(
        "--max-rate", type=_count, default=60, metavar="N", help="frames a second of a live video (60)"
    )
    parser.add_argument("--max-bytes", type=_count, default=20_000_000, metavar="N", help="of a photo (2e7)")
    parser.add_argument("--max-pixels", type=_count, default=50_000_000, metavar="N", help="of a photo (5e7)")
    add_tracking_options(parser)
    add_aligner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from face_alignment_3d.serve import create_app, run_server
    from face_alignment_3d.serve.running import listen

    config = _config(args)
    with listen(args.host, args.port) as listener:
        if args.backend == "auto" and args.device in ("auto", "cpu") and _makes_graphs():
            args.backend = "onnx"  # It starts sooner, and is faster on CPUs.
        # Frames of several clients share the cores; several threads for each would wait for one another.
        threads = 1 if args.backend == "onnx" else None
        app = create_app(make_aligner(args, blendshapes=True, threads=threads), config)
        host = f"[{args.host}]" if ":" in args.host else args.host
        address = f"http://{host}:{listener.getsockname()[1]}/"
        if args.host not in _LOCAL and config.token is None:
            print(
                "warning: everybody who reaches this machine can use the server; set a token (--token)",
                file=sys.stderr,
            )
        print(f"serving {address} (Ctrl-C ends it)", flush=True)
        if args.open:
            # The page takes the token out of its address.
            webbrowser.open(
                address if config.token is None else f"{address}#token={quote(config.token, safe='')}"
            )
        run_server(app, listener, config)
    print("stopped")
    return 0


def _config(args: argparse.Namespace) -> "ServerConfig":
    from face_alignment_3d.errors import FaceAlignmentError
    from face_alignment_3d.serve import ServerConfig

    try:
        return ServerConfig(
            token=args.token or os.environ.get(TOKEN_VARIABLE) or None,
            origins=tuple(args.origin),
            max_connections=args.max_connections,
            max_frame_rate=args.max_rate,
            max_bytes=args.max_bytes,
            max_pixels=args.max_pixels,
            smooth=args.smooth,
            alignment_interval=args.alignment_interval,
            max_faces=args.max_faces,
        )
    except ValueError as error:
        raise FaceAlignmentError(error) from error


def _makes_graphs() -> bool:
    return all(map(is_installed, ("onnxruntime", "onnx", "onnxscript")))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535; got {text!r}")
    return int(text)


def _count(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1e12:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on; got {text!r}")
    return int(number)
