"""One aligner from many threads, in workers of a DataLoader and behind gunicorn: the bits of a single thread.

Each of 8 threads makes 40 calls; ``FACE_ALIGNMENT_3D_CALLS=1000`` makes it 1,000.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from torch.utils.data import DataLoader, Dataset

from face_alignment_3d import FaceAligner3D, VideoAligner3D
from face_alignment_3d.cli import main

from .process_state import changes, process_state

CALLS = int(os.environ.get("FACE_ALIGNMENT_3D_CALLS", "40"))
THREADS = 8
FACE = np.array([179.0, 90, 268, 178])
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _same_number_of_threads() -> Iterator[None]:
    """With it torch has the same number of threads in each call, whatever else the machine does."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def nano_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("graph") / "nano.onnx"
    assert main(["export", "onnx", "nano", "-o", str(file), "--offline"]) == 0
    return file


@pytest.fixture(params=["torch", "onnx", "onnx, two threads"])
def make(request: pytest.FixtureRequest, nano_graph: Path) -> Callable[..., FaceAligner3D]:
    """Makes a new aligner, which has loaded nothing."""

    def make_aligner(**options: Any) -> FaceAligner3D:
        if request.param == "torch":
            return FaceAligner3D("nano", backend="torch", device="cpu", **options)
        threads = 2 if "two" in request.param else 1
        return FaceAligner3D(nano_graph, device="cpu", threads=threads, **options)

    return make_aligner


def _inputs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Photos of several sizes with 1 to 9 boxes."""
    photo, found = np.asarray(skimage.data.astronaut()), []
    for index in range(12):
        scale = 0.4 + 0.1 * index
        sized = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        count = 1 + index * 5 % 9
        found.append((sized, scale * (FACE + 3.0 * np.arange(count)[:, None] - 5)))
    return found


INPUTS = _inputs()


def _everything(aligner: FaceAligner3D, index: int) -> list[bytes]:
    photo, boxes = INPUTS[index % len(INPUTS)]
    faces = aligner.detect(photo, boxes=boxes)
    return [part.tobytes() for face in faces for part in (face.landmarks, face.confidence, face.visibility)]


def _in_threads(work: Callable[[int], None]) -> None:
    """``work(thread)`` in 8 threads that begin together."""
    gate = Barrier(THREADS)

    def run(thread: int) -> None:
        gate.wait(60)
        work(thread)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))


def test_eight_threads_share_an_aligner(make: Callable[..., FaceAligner3D]) -> None:
    expected = [_everything(make(), index) for index in range(len(INPUTS))]
    before = process_state()
    aligner = make()  # Loaded by whichever thread comes first.
    wrong: list[str] = []

    def work(thread: int) -> None:
        threads = torch.get_num_threads()
        for call in range(CALLS):
            index = thread * 5 + call
            if _everything(aligner, index) != expected[index % len(INPUTS)]:
                wrong.append(f"call {call} of thread {thread}")
        if torch.get_num_threads() != threads or torch.is_inference_mode_enabled():
            wrong.append(f"settings of thread {thread}")

    _in_threads(work)
    assert wrong == []
    assert changes(before, process_state()) == []


def test_eight_threads_with_detection_and_blendshapes(make: Callable[..., FaceAligner3D]) -> None:
    """Each finds the faces by itself; batches and streams between single calls."""
    photos = [photo for photo, _ in INPUTS[:3]]

    def everything(aligner: FaceAligner3D) -> list[bytes]:
        faces = [aligner.detect(photo) for photo in photos]
        faces += aligner.detect_batch(photos)
        return [
            part.tobytes()
            for several in faces
            for face in several
            for part in (face.landmarks, face.box, face.blendshapes.array)
        ]

    aligner = make(blendshapes=True, detector="scout")
    expected = everything(aligner)
    assert len(expected) == 18
    before = process_state()
    found: list[list[bytes]] = []
    _in_threads(lambda thread: found.append(everything(aligner)))
    assert all(each == expected for each in found)
    assert changes(before, process_state()) == []


def test_a_tracker_for_each_thread_over_one_aligner(make: Callable[..., FaceAligner3D]) -> None:
    photo = np.asarray(skimage.data.astronaut())
    frames = [np.roll(photo[60:260, 120:330], (2 * i, 3 * i), (0, 1)) for i in range(12)]
    aligner = make(detector="scout")

    def followed() -> list[bytes]:
        tracker = VideoAligner3D(aligner)
        return [face.landmarks.tobytes() for frame in frames for face in tracker.track(frame)]

    expected = followed()
    assert len(expected) >= 10
    found: list[list[bytes]] = []
    _in_threads(lambda thread: found.append(followed()))
    assert all(each == expected for each in found)


def test_aligners_that_are_loaded_at_once() -> None:
    """Recording networks works with variables of the whole process, filters of warnings among them."""
    from face_alignment_3d.backends.torch_backend import _recorded

    expected = _everything(FaceAligner3D("nano", backend="torch", device="cpu"), 0)
    found: list[bool] = []

    def work(thread: int) -> None:
        found.append(_everything(FaceAligner3D("nano", backend="torch", device="cpu"), 0) == expected)

    before = process_state()
    for _ in range(3):
        _recorded.cache_clear()
        _in_threads(work)
    assert found == [True] * (3 * THREADS)
    assert changes(before, process_state()) == []


class Photos(Dataset[torch.Tensor]):
    """Landmarks, found in the worker."""

    def __init__(self, aligner: FaceAligner3D) -> None:
        self.aligner = aligner

    def __len__(self) -> int:
        return len(INPUTS)

    def __getitem__(self, index: int) -> torch.Tensor:
        photo, boxes = INPUTS[index]
        return torch.from_numpy(self.aligner.get_landmarks(photo, boxes=boxes[:1]))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("is_used", [True, False])
def test_workers_of_a_data_loader(make: Callable[..., FaceAligner3D], method: str, is_used: bool) -> None:
    if method == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    data = Photos(make())
    expected = torch.stack([Photos(make())[index] for index in range(len(INPUTS))])
    if is_used:
        data.aligner.load(detector=False)
    loader = DataLoader(data, batch_size=3, num_workers=2, multiprocessing_context=method, timeout=120)
    assert torch.equal(torch.cat(list(loader)), expected)


_APPLICATION = """
import sys
import numpy as np
import skimage.data
from face_alignment_3d import FaceAligner3D

aligner = FaceAligner3D({weights!r}, backend={backend!r}, device="cpu")
photo = np.asarray(skimage.data.astronaut())

def application(environment, start_response):
    number = int(environment["QUERY_STRING"] or 0)
    boxes = [[179 - number, 90, 268 + number, 178]]
    body = aligner.get_landmarks(photo, boxes=boxes).tobytes()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def gunicorn(request: pytest.FixtureRequest, tmp_path: Path, nano_graph: Path) -> Iterator[str]:
    """The address of a gunicorn with two workers of eight threads each."""
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    backend, *options = request.param
    weights = str(nano_graph) if backend == "onnx" else "nano"
    (tmp_path / "application.py").write_text(_APPLICATION.format(weights=weights, backend=backend))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--worker-class", "gthread", "--threads", "8"]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *words, *options, "application:application"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0


def _asked(url: str, number: int) -> bytes:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{url}/?{number}", timeout=120) as answer:
                body: bytes = answer.read()
                return body
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.2)


SERVERS = [("torch",), ("torch", "--preload"), ("onnx",), ("onnx", "--preload")]


@pytest.mark.parametrize("gunicorn", SERVERS, indirect=True, ids=" ".join)
def test_gunicorn_with_threads(request: pytest.FixtureRequest, gunicorn: str, nano_graph: Path) -> None:
    is_onnx = "onnx" in request.node.callspec.id
    weights = nano_graph if is_onnx else "nano"
    aligner = FaceAligner3D(weights, backend="onnx" if is_onnx else "torch", device="cpu")
    photo = np.asarray(skimage.data.astronaut())
    numbers = [call % 10 for call in range(60)]
    expected = [
        aligner.get_landmarks(photo, boxes=[[179 - number, 90, 268 + number, 178]]).tobytes()
        for number in range(10)
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda number: _asked(gunicorn, number), numbers))
    assert found == [expected[number] for number in numbers]
