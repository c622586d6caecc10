"""Refuses what Python code sends to other machines; copied into environments, which import it at start."""

import os
import sys

_HERE = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(host, str) and not host.startswith("/") and host not in _HERE:
            raise OSError(f"no network here: {event} {host}")


if os.environ.get("WITHOUT_NETWORK"):
    sys.addaudithook(_watch)
