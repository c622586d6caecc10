"""Access control: tokens, origins and host names."""

import base64
import binascii
import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from face_alignment_3d.serve.config import ServerConfig

#: The subprotocol of the WebSocket, and the beginning of one with a token: browsers cannot set headers.
SUBPROTOCOL: Final = "face-alignment-3d"
_TOKEN_SUBPROTOCOL: Final = "token."  # noqa: S105

#: Paths without token: the page, which asks for it, and the one for monitors.
_OPEN: Final = frozenset({"/", "/health"})

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class AccessGuard:
    """ASGI middleware that refuses requests and connections before the application sees them.

    - The ``Host`` header must be an IP address, ``localhost``, the machine's own name or the host of one of
      ``config.origins``. This refuses pages whose host name was made to resolve to this server.
    - The ``Origin`` header, which browsers send, must be the server's own or one of ``config.origins``.
    - With a token, everything but the page and ``/health`` needs ``Authorization: Bearer <token>``, or for
      WebSockets the subprotocol ``token.<base64url of the token>``.
    """

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._token = None if config.token is None else config.token.encode("ascii")
        self._origins = {_place(origin) for origin in config.origins}
        self._names = {"localhost", socket.gethostname().lower(), *map(_host, self._origins)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request or connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = self._refusal(connection)
        if scope["type"] == "http":
            send = _with_headers(send)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        elif refusal is not None:
            await receive()
            await WebSocket(scope, receive, send).send_denial_response(refusal)
            return
        await self._app(scope, receive, send)

    def has_token(self, connection: HTTPConnection) -> bool:
        """True where no token is needed, or the right one was shown."""
        if self._token is None:
            return True
        shown = _shown_tokens(connection.headers)
        return any(hmac.compare_digest(token, self._token) for token in shown)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        place = _place(f"//{connection.headers.get('host', '')}")
        if not self._knows(_host(place)):
            return _refused(
                403, f"this server is not known as {_host(place)!r}; start it with --origin for that name"
            )
        origin = connection.headers.get("origin")
        if origin is not None and _place(origin) not in {place, *self._origins}:
            return _refused(
                403, f"pages of {origin!r} may not use this server; start it with --origin for it"
            )
        if connection.scope["path"] not in _OPEN and not self.has_token(connection):
            return _refused(
                401,
                "expected the server's token: Authorization: Bearer <token>",
                {"WWW-Authenticate": "Bearer"},
            )
        return None

    def _knows(self, host: str) -> bool:
        if host in self._names or host.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return True


def _place(url: str) -> str:
    """Host and port of a URL, without the port that its scheme has anyway; empty where it has none."""
    try:
        parts = urlsplit(url.lower())
        port = parts.port
    except ValueError:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if port in (None, 80, 443) else f"{host}:{port}"


def _host(place: str) -> str:
    return place[: place.index("]") + 1] if place.startswith("[") else place.partition(":")[0]


def _shown_tokens(headers: Headers) -> Iterable[bytes]:
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        yield token.strip().encode("latin-1")
    for name in map(str.strip, headers.get("sec-websocket-protocol", "").split(",")):
        if name.startswith(_TOKEN_SUBPROTOCOL):
            text = name[len(_TOKEN_SUBPROTOCOL) :]
            try:
                yield base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            except (binascii.Error, ValueError):
                continue


def _refused(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"detail": message}, status, headers)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        await send(message)

    return sending
