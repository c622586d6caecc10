"""Servers in a thread, aligners that need no network, and what clients send."""

import io
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import FastAPI
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from face_alignment_3d.face import Face3D
from face_alignment_3d.serve import ServerConfig
from face_alignment_3d.serve.running import listen, make_server
from tests.view import shown_faces


class OneFaceAligner:
    """Finds the same face in every picture while ``gate`` is open, and keeps the pictures' shapes."""

    blendshape_estimator = None

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.seen: list[tuple[int, ...]] = []

    def detect(self, image: npt.NDArray[np.uint8], *, boxes: Any = None) -> list[Face3D]:
        assert self.gate.wait(60)
        self.seen.append(image.shape)
        return [shown_faces.face() for _ in ([None] if boxes is None else boxes)]

    def detect_batch(self, images: Any, *, boxes: Any = None) -> list[list[Face3D]]:
        return [self.detect(image, boxes=given) for image, given in zip(images, boxes, strict=True)]


def picture_file(picture: npt.NDArray[np.uint8], kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def frame_message(number: int, seconds: float, file: bytes) -> bytes:
    return struct.pack("<Id", number, seconds) + file


def gray_frame(number: int, seconds: float) -> bytes:
    return frame_message(number, seconds, picture_file(shown_faces.picture()))


@contextmanager
def running(app: FastAPI, config: ServerConfig, *, send_buffer: int | None = None) -> Iterator[int]:
    """The port of ``app``, served by a thread. ``send_buffer`` is the system's buffer for a client, bytes."""
    with listen("127.0.0.1", 0) as listener:
        if send_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        server = make_server(app, config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def connected(port: int, **options: Any) -> ClientConnection:
    client: ClientConnection = connect(f"ws://127.0.0.1:{port}/live", compression=None, **options)
    return client


def answer(client: ClientConnection) -> dict[str, Any]:
    """The next answer, which must not take long."""
    received: dict[str, Any] = json.loads(client.recv(timeout=120))
    return received
