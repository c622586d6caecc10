"""Tokens, origins and names."""

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession

from face_alignment_3d.serve import ServerConfig, create_app
from tests.serve.servers import OneFaceAligner

_TOKEN = "se/cret+token=1"


def _client(config: ServerConfig, host: str = "127.0.0.1:8000") -> TestClient:
    # Not as its base_url: starlette before 1.0 cannot take an IPv6 address there.
    return TestClient(create_app(OneFaceAligner(), config), headers={"Host": host})


@pytest.fixture
def guarded() -> TestClient:
    return _client(ServerConfig(token=_TOKEN))


@contextmanager
def _connected(client: TestClient, url: str, **options: Any) -> Iterator[WebSocketTestSession]:
    """A connection whose end the server has seen: the test client would cut it short."""
    with client.websocket_connect(url, **options) as socket:
        yield socket
        socket.close()
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        deadline = time.monotonic() + 60
        while not re.search(
            r"_connections 0\.0$", client.get("/metrics", headers=headers).text, re.MULTILINE
        ):
            assert time.monotonic() < deadline


def _subprotocols(token: str) -> list[str]:
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return ["face-alignment-3d", f"token.{encoded}"]


@pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/live", "/anything"])
@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {_TOKEN}1",
        f"Basic {_TOKEN}",
        _TOKEN,
        b"Bearer \xff\xfe",
    ],
)
def test_without_the_token(guarded: TestClient, path: str, header: Any) -> None:
    response = guarded.get(path, headers={} if header is None else {"Authorization": header})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "expected the server's token" in response.json()["detail"]


def test_with_the_token(guarded: TestClient) -> None:
    assert guarded.get("/metrics", headers={"Authorization": f"bearer {_TOKEN}"}).status_code == 200


def test_the_page_and_health_need_none(guarded: TestClient) -> None:
    assert guarded.get("/").status_code == 200
    assert guarded.get("/health").json()["authorized"] is False
    shown = guarded.get("/health", headers={"Authorization": f"Bearer {_TOKEN}"})
    assert shown.json()["authorized"] is True


def test_a_photo_is_not_read_without_the_token() -> None:
    aligner = OneFaceAligner()
    client = TestClient(create_app(aligner, ServerConfig(token=_TOKEN)), base_url="http://localhost")
    assert client.post("/align", content=b"x").status_code == 401
    assert aligner.seen == []


@pytest.mark.parametrize(
    "subprotocols", [[], ["face-alignment-3d"], _subprotocols("wrong"), ["token."], ["token.???"]]
)
def test_a_socket_without_the_token(guarded: TestClient, subprotocols: list[str]) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        guarded.websocket_connect("ws://127.0.0.1:8000/live", subprotocols),
    ):
        pass
    assert refusal.value.status_code == 401


def test_a_socket_with_the_token(guarded: TestClient) -> None:
    url = "ws://127.0.0.1:8000/live"
    with _connected(guarded, url, subprotocols=_subprotocols(_TOKEN)) as socket:
        assert socket.accepted_subprotocol == "face-alignment-3d"
    with _connected(guarded, url, headers={"Authorization": f"Bearer {_TOKEN}"}) as socket:
        assert socket.accepted_subprotocol is None


_ORIGINS = [
    ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
    ("localhost:8000", "http://localhost:8000", True),
    ("localhost", "http://localhost:80", True),
    ("[::1]:8000", "http://[::1]:8000", True),
    ("192.168.1.7:8000", "http://192.168.1.7:8000", True),
    ("faces.example.com", "https://faces.example.com", True),  # Named in --origin.
    ("127.0.0.1:8000", "https://faces.example.com", True),
    ("127.0.0.1:8000", "http://evil.example", False),
    ("127.0.0.1:8000", "http://127.0.0.1:9000", False),
    ("127.0.0.1:8000", "http://localhost:8000", False),
    ("127.0.0.1:8000", "null", False),
    ("127.0.0.1:8000", "", False),
    ("127.0.0.1:8000", "http://[", False),
    ("127.0.0.1:8000", "http://127.0.0.1:8000.evil.example", False),
    ("evil.example:8000", "http://evil.example:8000", False),  # Made to point to 127.0.0.1.
]


@pytest.mark.parametrize(("host", "origin", "allowed"), _ORIGINS)
def test_pages_of_other_servers(host: str, origin: str, allowed: bool) -> None:
    client = _client(ServerConfig(origins=("https://faces.example.com",)), host)
    assert client.get("/health", headers={"Origin": origin}).status_code == (200 if allowed else 403)
    if allowed:
        with _connected(client, "/live", headers={"Origin": origin}):
            pass
    else:
        with (
            pytest.raises(WebSocketDenialResponse) as refusal,
            client.websocket_connect("/live", headers={"Origin": origin}),
        ):
            pass
        assert refusal.value.status_code == 403


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True),
        ("sub.localhost:1", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_names_of_the_server(host: str, allowed: bool) -> None:
    response = _client(ServerConfig(), host).get("/health")
    assert response.status_code == (200 if allowed else 403)
    if not allowed:
        assert "--origin" in response.json()["detail"]


def test_what_browsers_are_told() -> None:
    client = _client(ServerConfig())
    for path in ("/", "/health", "/nothing"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "two words"},
        {"token": "schlüssel"},
        {"token": ""},
        {"origins": ("faces.example.com",)},
        {"origins": ("https://faces.example.com/page",)},
        {"max_connections": 0},
        {"idle_seconds": 0.0},
    ],
)
def test_wrong_settings(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"token|origin|max_connections|idle_seconds"):
        ServerConfig(**wrong)  # type: ignore[arg-type]


def test_the_token_is_not_shown() -> None:
    assert _TOKEN not in repr(ServerConfig(token=_TOKEN))
