"""A weight file's entry, and a server on this machine that answers as a test scripts it."""

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from face_alignment_3d.weights.manifest import WeightsEntry

CHUNK = 1 << 16
PAYLOAD = random.Random(3).randbytes(6 * CHUNK + 1234)

Answer = Callable[[BaseHTTPRequestHandler], None]


class ScriptedServer:
    """Answers request i with ``script[i]``, the last one for ever; remembers each Range header and time."""

    def __init__(self) -> None:
        self.script: list[Answer] = [self.good]
        self.ranges: list[str | None] = []
        self.times: list[float] = []
        self.gate = threading.Event()
        """Lets go on what :meth:`gated` holds back."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                position = len(outer.ranges)
                outer.ranges.append(self.headers.get("Range"))
                outer.times.append(time.monotonic())
                # Some tests want the client to be killed or to give up.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    outer.script[min(position, len(outer.script) - 1)](self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/weights.safetensors"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self.http.shutdown()
        self.http.server_close()

    def begin(self, handler: BaseHTTPRequestHandler) -> bytes:
        """Sends the headers of an answer that honors Range, and returns the bytes that should follow."""
        wanted = handler.headers.get("Range")
        offset = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        body = PAYLOAD[offset:]
        handler.send_response(206 if wanted else 200)
        handler.send_header("Content-Length", str(len(body)))
        if wanted:
            handler.send_header("Content-Range", f"bytes {offset}-{len(PAYLOAD) - 1}/{len(PAYLOAD)}")
        handler.end_headers()
        return body

    def good(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(self.begin(handler))

    def without_ranges(self, handler: BaseHTTPRequestHandler) -> None:
        self.sends(PAYLOAD)(handler)

    def slow(self, handler: BaseHTTPRequestHandler) -> None:
        body = self.begin(handler)
        for start in range(0, len(body), CHUNK // 2):
            handler.wfile.write(body[start : start + CHUNK // 2])
            time.sleep(0.01)

    def truncated(self, sent: int) -> Answer:
        """Announces all and closes the connection after ``sent`` bytes."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(self.begin(handler)[:sent])

        return answer

    def gated(self, sent: int) -> Answer:
        """Sends ``sent`` bytes, and the rest once the gate is open."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            body = self.begin(handler)
            handler.wfile.write(body[:sent])
            handler.wfile.flush()
            self.gate.wait(30)
            handler.wfile.write(body[sent:])

        return answer

    @staticmethod
    def sends(body: bytes, *, announced: bool = True) -> Answer:
        """Status 200 and any bytes; not ``announced`` means without Content-Length."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            if announced:
                handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return answer

    @staticmethod
    def another_range(handler: BaseHTTPRequestHandler) -> None:
        """Status 206 with bytes that were not asked for."""
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 0-{CHUNK - 1}/{len(PAYLOAD)}")
        handler.end_headers()
        handler.wfile.write(PAYLOAD[:CHUNK])

    @staticmethod
    def status(code: int) -> Answer:
        return lambda handler: handler.send_error(code)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture
def payload() -> bytes:
    return PAYLOAD


@pytest.fixture
def make_entry() -> Callable[..., WeightsEntry]:
    def make(**changes: Any) -> WeightsEntry:
        values: dict[str, Any] = {
            "name": "base",
            "kind": "cascade",
            "preset": "lite",
            "file": "base.safetensors",
            "sha256": hashlib.sha256(PAYLOAD).hexdigest(),
            "bytes": len(PAYLOAD),
            "url": "https://example.org/base.safetensors",
            "embedded": False,
            "input_size": 128,
            "markup": "3dfaw-66",
            "license": "non-commercial research",
            "data": ("helen_train", "lfpw_train"),
            "training_command": "face-alignment-3d train base --data data --out runs/base",
            "seed": 7,
            "metrics": {"afw_nme_inner_percent": 3.5},
            "date": "2025-01-31",
        }
        return WeightsEntry(**{**values, **changes})

    return make


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps the tests away from the folders and settings of whoever runs them."""
    monkeypatch.delenv("FACE_ALIGNMENT_3D_HOME", raising=False)
    monkeypatch.delenv("FACE_ALIGNMENT_3D_OFFLINE", raising=False)
    monkeypatch.setattr(
        "face_alignment_3d.weights.store.platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache"
    )
