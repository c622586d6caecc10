"""Live video: each connection has its own faces, newest frames first, and errors that say what is wrong."""

import json
import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from websockets.exceptions import ConnectionClosed

from face_alignment_3d import FaceAligner3D, VideoAligner3D
from face_alignment_3d.images import as_rgb
from face_alignment_3d.serve import ServerConfig, create_app
from face_alignment_3d.serve.pictures import FRAME_FORMATS, decode_picture
from tests.serve.servers import (
    OneFaceAligner,
    answer,
    connected,
    frame_message,
    gray_frame,
    picture_file,
    running,
)
from tests.view import shown_faces


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that finds the same face in every frame, at once."""
    config = ServerConfig()
    with running(create_app(OneFaceAligner(), config), config) as port:
        yield port


# Answers


def test_an_answer_has_what_the_json_of_videos_has(port: int) -> None:
    with connected(port) as client:
        client.send(gray_frame(7, 0.25))
        result = answer(client)
    assert (result["type"], result["id"], result["time"], result["dropped"]) == ("faces", 7, 0.25, 0)
    assert (result["width"], result["height"]) == (shown_faces.WIDTH, shown_faces.HEIGHT)
    assert result["milliseconds"]["waited"] >= 0
    assert result["milliseconds"]["worked"] > 0
    (face,) = result["faces"]
    assert face["track_id"] == 0
    np.testing.assert_allclose(face["landmarks"], shown_faces.face().landmarks, atol=1e-3)
    assert set(face) > {"box", "score", "confidence", "visibility", "pose", "measures", "blendshapes"}


def test_identities_begin_anew_in_each_connection_and_not_after_a_reset(port: int) -> None:
    ids = []
    for _ in range(2):
        with connected(port) as client:
            client.send(gray_frame(0, 5.0))
            ids.append(answer(client)["faces"][0]["track_id"])
            client.send(json.dumps({"type": "reset"}))
            client.send(gray_frame(1, 1.0))  # Time may begin anew.
            ids.append(answer(client)["faces"][0]["track_id"])
    assert ids == [0, 1, 0, 1]


def test_newest_frames_first() -> None:
    aligner, config = OneFaceAligner(), ServerConfig()
    aligner.gate.clear()
    with running(create_app(aligner, config), config) as port, connected(port) as client:
        for number in range(11):
            client.send(gray_frame(number, number / 10))
        client.send("are they all there?")
        assert answer(client)["type"] == "error"
        aligner.gate.set()
        first, second = answer(client), answer(client)
        assert first["id"] < 10  # Those before it may have come before it was begun with.
        assert second["id"] == 10
        assert first["dropped"] + second["dropped"] == 9
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.5)


# What is wrong


_JPEG = picture_file(shown_faces.picture())


@pytest.mark.parametrize(
    ("message", "number", "text"),
    [
        (b"", None, "expected 12 bytes"),
        (b"abc", None, "expected 12 bytes"),
        (frame_message(3, 0.0, b""), 3, "expected 12 bytes"),
        (frame_message(3, 0.0, b"nothing to see"), 3, "expected a picture file"),
        (frame_message(3, 0.0, _JPEG[: len(_JPEG) // 2]), 3, "truncated"),
        (frame_message(3, 0.0, picture_file(shown_faces.picture(), "BMP")), 3, "expected a picture file"),
        (frame_message(3, math.nan, _JPEG), 3, "time"),
        (frame_message(3, math.inf, _JPEG), 3, "time"),
        (frame_message(3, 0.0, _JPEG + bytes(2_000_000)), 3, "at most 2 MB"),
        (
            frame_message(3, 0.0, picture_file(np.zeros((2001, 2000), np.uint8), "PNG")),
            3,
            "at most 4 megapixels",
        ),
        ("", None, "expected a frame"),
        ("hello", None, "expected a frame"),
        ("[" * 999, None, "expected a frame"),
        ('{"type": "reset", "more": 1}', None, "expected a frame"),
        (json.dumps({"type": "reset"}) + " " * 1000, None, "expected a frame"),
    ],
)
def test_a_bad_message_is_told_and_the_next_one_works(
    port: int, message: bytes | str, number: int | None, text: str
) -> None:
    with connected(port) as client:
        client.send(message)
        result = answer(client)
        assert (result["type"], result["id"]) == ("error", number)
        assert text in result["message"]
        client.send(gray_frame(4, 1.0))
        assert answer(client)["id"] == 4


def test_a_time_that_does_not_rise(port: int) -> None:
    with connected(port) as client:
        for number, seconds in enumerate([2.0, 2.0, 1.0, 3.0]):
            client.send(gray_frame(number, seconds))
            assert answer(client)["type"] == ("faces" if number in (0, 3) else "error")


def test_an_extreme_time_spoils_nothing(port: int) -> None:
    with connected(port) as client:
        for number, seconds in enumerate([-1e308, 0.0, 1e308]):
            client.send(gray_frame(number, seconds))
            answer(client)
        client.send(json.dumps({"type": "reset"}))
        client.send(gray_frame(9, 1.0))
        assert answer(client)["type"] == "faces"


def test_a_fault_costs_one_frame(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(OneFaceAligner):
        def detect(self, image: npt.NDArray[np.uint8], **options: Any) -> Any:
            if image.mean() < 50:
                raise RuntimeError("a fault of ours at /secret/path")
            return super().detect(image, **options)

    config = ServerConfig()
    with running(create_app(Faulty(), config), config) as port, connected(port) as client:
        client.send(frame_message(0, 0.0, picture_file(shown_faces.picture(0))))
        result = answer(client)
        assert result["type"] == "error"
        assert "secret" not in result["message"]
        client.send(gray_frame(1, 1.0))
        assert answer(client)["type"] == "faces"
    assert "a fault of ours" in caplog.text


# Limits


def test_connections() -> None:
    config = ServerConfig(max_connections=1)
    with running(create_app(OneFaceAligner(), config), config) as port:
        for _ in range(2):  # The place is free again when its client has gone.
            with connected(port) as client:
                client.send(gray_frame(0, 0.0))
                assert answer(client)["type"] == "faces"
                with connected(port) as second, pytest.raises(ConnectionClosed) as closed:
                    second.recv(timeout=20)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1013
                assert "1 others are connected" in closed.value.rcvd.reason


def test_rate() -> None:
    config = ServerConfig(max_frame_rate=0.5)
    with running(create_app(OneFaceAligner(), config), config) as port, connected(port) as client:
        for number in range(5):
            client.send(gray_frame(number, float(number)))
        found = {answer(client)["type"] for _ in range(2)}
        while "error" not in found:
            found.add(answer(client)["type"])

        def make_noise() -> None:
            for _ in range(1000):
                client.send(b"")
                client.recv(timeout=20)

        with pytest.raises(ConnectionClosed) as closed:
            make_noise()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_a_silent_connection_is_closed() -> None:
    config = ServerConfig(idle_seconds=0.2)
    with running(create_app(OneFaceAligner(), config), config) as port, connected(port) as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


# Isolation


def test_nobody_sees_the_faces_of_others() -> None:
    """Clients with the same photo, each of another size and at another place, at the same time."""
    aligner = FaceAligner3D(offline=True).load()
    photo = np.asarray(skimage.data.astronaut())[:256, 100:356]
    config = ServerConfig()
    frames = 5

    def file(client: int, frame: int) -> bytes:
        height = 256 + 8 * client
        return picture_file(np.roll(np.resize(photo, (height, 256, 3)), 15 * client - 2 * frame, axis=1))

    results: dict[int, list[dict[str, Any]]] = {}

    def visit(client: int, port: int) -> None:
        with connected(port) as socket:
            results[client] = []
            for frame in range(frames):
                socket.send(frame_message(100 * client + frame, frame / 10, file(client, frame)))
                results[client].append(answer(socket))

    with running(create_app(aligner, config), config) as port:
        threads = [threading.Thread(target=visit, args=(client, port)) for client in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for client in range(3):
        tracker = VideoAligner3D(aligner)
        for frame, result in enumerate(results[client]):
            assert result["id"] == 100 * client + frame
            assert result["height"] == 256 + 8 * client
            picture = decode_picture(file(client, frame), FRAME_FORMATS, max_bytes=10**6, max_pixels=10**6)
            alone = tracker.track(as_rgb(picture), time=frame / 10)
            assert [face["track_id"] for face in result["faces"]] == [face.track_id for face in alone]
            for here, expected in zip(result["faces"], alone, strict=True):
                np.testing.assert_allclose(here["landmarks"], expected.landmarks, atol=0.01)
    assert all(len(result["faces"]) == 1 for each in results.values() for result in each)


def test_counts(port: int) -> None:
    import urllib.request

    with connected(port) as client:
        client.send(gray_frame(0, 0.0))
        answer(client)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
            lines = response.read().decode().splitlines()
    values = {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }
    assert values["face_alignment_3d_connections"] == 1
    assert values['face_alignment_3d_frames_total{outcome="answered"}'] >= 1
    assert values["face_alignment_3d_frame_seconds_count"] >= 1
