"""Running an application in uvicorn until the process is told to stop."""

import signal
import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from face_alignment_3d.interruption import StopRequests
from face_alignment_3d.serve.config import ServerConfig
from face_alignment_3d.serve.socket_protocol import BoundedSocketProtocol

#: Connections beside sockets: photos, pages and monitors.
_OTHERS: Final = 64
#: Messages larger than frames may be get an error; those that are this many times as large, none.
_FAR_TOO_LARGE: Final = 4
_GRACE_SECONDS: Final = 3


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes one that is free. Raises OSError where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def make_server(app: FastAPI, config: ServerConfig) -> uvicorn.Server:
    """A server for ``app`` with the limits of ``config`` that are the server's to keep."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            ws=BoundedSocketProtocol,
            ws_max_size=_FAR_TOO_LARGE * config.max_frame_bytes,
            # Pictures are compressed already, and what is unpacked may be large.
            ws_per_message_deflate=False,
            limit_concurrency=config.max_connections + _OTHERS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            server_header=False,
            access_log=False,
            log_config=None,
        )
    )


def run_server(app: FastAPI, listener: socket.socket, config: ServerConfig) -> None:
    """Serves ``app`` until SIGTERM, SIGHUP or Ctrl-C.

    Connections are closed then, and what is worked on is given three seconds. Outside the main thread there
    are no signals, and it runs until the process ends.
    """
    server = make_server(app, config)
    with StopRequests():
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # Uvicorn itself does not look at it; StopRequests puts back what was there.
            signal.signal(signal.SIGHUP, server.handle_exit)
        # Uvicorn stops at signals, and raises them again when it has stopped, which StopRequests notes.
        server.run(sockets=[listener])
