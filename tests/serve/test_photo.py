"""Photos over HTTP: the answer is the command line's, and limits are kept."""

import asyncio
import re
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from fastapi.testclient import TestClient
from PIL import Image

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.cli import main
from face_alignment_3d.serve import ServerConfig, create_app
from tests.serve.servers import OneFaceAligner, picture_file
from tests.view import shown_faces


def _client(config: ServerConfig | None = None, aligner: Any = None) -> TestClient:
    return TestClient(create_app(aligner or OneFaceAligner(), config), base_url="http://localhost")


@pytest.mark.parametrize("blendshapes", [False, True])
def test_the_answer_is_what_the_command_line_writes(tmp_path: Path, blendshapes: bool) -> None:
    photo = tmp_path / "photo.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.rot90(skimage.data.astronaut()[:256, 100:356])).save(photo, exif=turned)
    option = ["--blendshapes"] if blendshapes else []
    assert main(["align", str(photo), "-o", str(tmp_path / "out"), "--json", "--offline", *option]) == 0
    client = _client(aligner=FaceAligner3D(blendshapes=True, offline=True))
    query = {"name": str(photo), "blendshapes": str(blendshapes).lower()}
    response = client.post("/align", params=query, content=photo.read_bytes())
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    written = (tmp_path / "out" / "photo.json").read_bytes()
    # Two runs of the network may differ in the last digits; all else is equal to the byte.
    numbers = rb"-?\d+\.?\d*(?:e-?\d+)?"
    assert re.sub(numbers, b"0", response.content) == re.sub(numbers, b"0", written)
    found = [[float(number) for number in re.findall(numbers, text)] for text in (response.content, written)]
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-3)
    assert len(response.json()["faces"]) == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "MPO"])
def test_kinds_of_pictures(kind: str) -> None:
    response = _client().post("/align", content=picture_file(shown_faces.picture(), kind))
    assert response.status_code == 200
    assert (response.json()["width"], response.json()["height"]) == (shown_faces.WIDTH, shown_faces.HEIGHT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing to see",
        picture_file(shown_faces.picture())[:300],
        picture_file(shown_faces.picture(), "PPM"),
    ],
)
def test_what_is_no_picture(content: bytes) -> None:
    aligner = OneFaceAligner()
    response = _client(aligner=aligner).post("/align", content=content)
    assert response.status_code == 400
    detail = response.json()["detail"]
    assert detail.startswith(("expected a picture file", "the picture is damaged or cut short"))
    assert aligner.seen == []


def _png_head(width: int, height: int) -> bytes:
    """The beginning of a picture, without its pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0")
    parts = [
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in (chunk, data)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("width", "height"), [(10_001, 5_000), (1_000_000, 1_000_000)])
def test_too_many_pixels_are_not_decoded(width: int, height: int) -> None:
    response = _client().post("/align", content=_png_head(width, height))
    assert response.status_code == 413
    assert "shrink it" in response.json()["detail"].lower()


def test_too_many_bytes() -> None:
    client = _client(ServerConfig(max_bytes=1000))
    for content in (b"x" * 1001, (b"x" * 100 for _ in range(20))):  # Announced, and not.
        response = client.post("/align", content=content)
        assert response.status_code == 413
        assert response.json()["detail"].startswith("expected a picture of at most 0.001 MB")


def test_too_often() -> None:
    client = _client(ServerConfig(max_photo_rate=0.01))
    file = picture_file(shown_faces.picture())
    assert client.post("/align", content=file).status_code == 200
    response = client.post("/align", content=file)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"


def test_too_many_at_once() -> None:
    aligner = OneFaceAligner()
    aligner.gate.clear()
    file = picture_file(shown_faces.picture())
    with _client(ServerConfig(max_waiting_photos=2), aligner) as client:
        codes: list[int] = []
        threads = [
            threading.Thread(target=lambda: codes.append(client.post("/align", content=file).status_code))
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        while len(codes) < 3:
            time.sleep(0.01)
        aligner.gate.set()
        for thread in threads:
            thread.join()
    assert sorted(codes) == [200, 200, 503, 503, 503]


def test_a_photo_that_does_not_arrive() -> None:
    app = create_app(OneFaceAligner(), ServerConfig(body_seconds=0.1))
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not any(message["type"] == "http.response.start" for message in sent):
            await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/align", "query_string": b"", "http_version": "1.1"}
    asyncio.run(app({**scope, "headers": [(b"host", b"localhost")], "scheme": "http"}, receive, send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("query", ["blendshapes=perhaps", f"name={'x' * 1001}"])
def test_wrong_parameters(query: str) -> None:
    assert _client().post(f"/align?{query}", content=b"").status_code == 422


def test_odd_names_come_back() -> None:
    file = picture_file(shown_faces.picture())
    for name in ("größe <b>.jpg", 'a"b\\c', "\u2028", "x\0y"):
        response = _client().post("/align", params={"name": name}, content=file)
        assert response.json()["image"] == name


def test_counts() -> None:
    client = _client()
    client.post("/align", content=picture_file(shown_faces.picture()))
    client.post("/align", content=b"nothing to see")
    lines = client.get("/metrics").text.splitlines()
    assert 'face_alignment_3d_photos_total{outcome="answered"} 1.0' in lines
    assert 'face_alignment_3d_photos_total{outcome="refused"} 1.0' in lines
    assert "face_alignment_3d_faces_total 1.0" in lines
    assert "face_alignment_3d_photo_seconds_count 1.0" in lines
