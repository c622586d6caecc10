"""Noise, floods and clients that do not read: the server stays as it is, and others are served."""

import contextlib
import random
import socket
import struct
import time
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from websockets.exceptions import ConnectionClosed

from face_alignment_3d.serve import ServerConfig, create_app
from face_alignment_3d.serve.socket_protocol import BoundedSocketProtocol
from tests.serve.servers import OneFaceAligner, answer, connected, gray_frame, running

_HANDSHAKE = (
    b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = ServerConfig(max_frame_rate=1e6)
    with running(create_app(OneFaceAligner(), config), config, send_buffer=4096) as port:
        yield port


@pytest.fixture(autouse=True)
def all_is_well(port: int, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After each test, the server answers, and no exception was logged."""
    yield
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=20) as response:
        assert response.status == 200
    with connected(port) as client:
        client.send(gray_frame(1, 1.0))
        assert answer(client)["type"] == "faces"
    # websockets 16, the last for Python 3.10, logs so that it has refused a key that is not ASCII.
    faults = [record for record in caplog.records if record.exc_info]
    assert [record for record in faults if record.getMessage() != "opening handshake failed"] == []


def _noise(random_numbers: random.Random, number: int) -> bytes | str:
    """A frame that was cut, changed or made up, or text."""
    frame = bytearray(gray_frame(number, float(number)))
    match random_numbers.randrange(5):
        case 0:
            return bytes(frame[: random_numbers.randrange(len(frame))])
        case 1:
            for _ in range(random_numbers.randrange(1, 30)):
                frame[random_numbers.randrange(len(frame))] = random_numbers.randrange(256)
            return bytes(frame)
        case 2:
            return bytes(frame[:12]) + random_numbers.randbytes(random_numbers.randrange(2000))
        case 3:
            return random_numbers.randbytes(random_numbers.randrange(200))
        case _:
            letters = random_numbers.choices('{}[]":,type reset0\0\u2028ü', k=random_numbers.randrange(100))
            return "".join(letters)


def test_two_thousand_bad_messages(port: int) -> None:
    random_numbers = random.Random(1)
    kinds = {"error": 0, "faces": 0}
    with connected(port) as client:
        for number in range(2000):
            client.send(_noise(random_numbers, number))
            result = answer(client)
            kinds[result["type"]] += 1
            assert result["type"] == "faces" or result["message"]
    assert kinds["error"] > 1500


def test_handshakes_and_headers_that_are_noise(port: int) -> None:
    random_numbers = random.Random(2)
    for number in range(150):
        head = bytearray(_HANDSHAKE)
        for _ in range(random_numbers.randrange(1, 8)):
            head[random_numbers.randrange(len(head))] = random_numbers.randrange(256)
        sent = bytes(head) if number % 3 else random_numbers.randbytes(300)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(sent[: random_numbers.randrange(1, len(sent))] if number % 2 else sent)


def test_photos_that_break_off(port: int) -> None:
    for length in (b"0", b"10", b"-1", b"1e3", b"99999999999999999999"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(
                b"POST /align HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\nabc"
            )
            time.sleep(0.1)


def _masked(first: int, content: bytes, length: int | None = None) -> bytes:
    """A message of RFC 6455, masked with zeros, that claims to be ``length`` bytes long."""
    length = len(content) if length is None else length
    return struct.pack(">BBQ", first, 0x80 | 127, length) + bytes(4) + content


@pytest.mark.parametrize(
    "message",
    [
        b"\x82\x05hello",  # Not masked.
        _masked(0xF2, b"x"),  # Reserved bits.
        _masked(0x83, b"x"),  # A reserved kind.
        _masked(0x80, b"x"),  # Goes on with what was not begun.
        _masked(0x82, b"x", 2**62),
        _masked(0x81, b"\xff\xfe\xfd"),  # Text that is none.
        _masked(0x88, b"\x00"),
        _masked(0x89, bytes(200)),  # A ping that is too long.
        _masked(0x02, b"x") + _masked(0x02, b"x"),
        _masked(0x82, bytes(100), 1000),  # Cut.
    ],
)
def test_messages_that_break_the_protocol(port: int, message: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(_HANDSHAKE)
        assert client.recv(1000).startswith(b"HTTP/1.1 101")
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1000):
            pass


def test_a_message_that_is_far_too_large(port: int) -> None:
    with connected(port) as client:
        with contextlib.suppress(ConnectionClosed):
            client.send(bytes(10_000_000))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


#: An error of sending to a server that has cut the connection.
_CUT_OFF = r"reset|[Bb]roken|aborted"


def _deaf_client(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(_HANDSHAKE)
    return client


@pytest.mark.parametrize(
    "message",
    [
        lambda number: _masked(0x82, gray_frame(number, number / 25)),
        lambda _: _masked(0x81, b"hello"),
        lambda _: _masked(0x89, bytes(100)),
    ],
    ids=["frames", "text", "pings"],
)
def test_a_client_that_does_not_read(
    port: int, message: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut off after a while; until then little is kept for it, and others are served."""
    monkeypatch.setattr(BoundedSocketProtocol, "stall_seconds", 1.0)
    kept: list[int] = []
    write = BoundedSocketProtocol.pause_writing

    def pause_writing(self: BoundedSocketProtocol) -> None:
        write(self)
        kept.append(self.transport.get_write_buffer_size())
        self.loop.call_later(0.8, lambda: kept.append(self.transport.get_write_buffer_size()))

    monkeypatch.setattr(BoundedSocketProtocol, "pause_writing", pause_writing)
    number_of = count()
    each = 1 + 1_000_000 // len(message(0))

    def many() -> memoryview:
        """A megabyte; the times of frames rise, so that the answers are faces, which fill buffers soon."""
        return memoryview(b"".join(message(next(number_of)) for _ in range(each)))

    with _deaf_client(port) as client, connected(port) as other:
        client.settimeout(0.5)

        def go_on() -> None:
            began, number, rest = time.monotonic(), 0, many()
            while time.monotonic() - began < 300:
                with contextlib.suppress(TimeoutError):
                    # Goes on where it stopped: a message that is cut would end the connection in another way.
                    while rest:
                        rest = rest[client.send(rest) :]
                    rest = many()
                other.send(gray_frame(number, float(number)))
                assert answer(other)["type"] == "faces"
                number += 1

        with pytest.raises(OSError, match=_CUT_OFF):
            go_on()
    assert kept
    assert max(kept) < 300_000
