"""Batches that ONNX Runtime runs on several threads of Python: the same points, sooner."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_alignment_3d.backends import onnx_backend
from face_alignment_3d.backends.onnx_backend import OnnxBackend
from face_alignment_3d.backends.protocol import CascadeOutput
from face_alignment_3d.errors import ImageError

#: Crop pixels. How a batch is divided decides in which order products are summed up. (Where this was written
#: it showed in z alone, by 0.00003.)
TOLERANCE = 1e-4


class RecordedCrops:
    """Crops that record which of them were asked for, by which thread; ``meeting`` delays the first."""

    def __init__(
        self, pixels: np.ndarray, *, fails_at: int | None = None, meeting: threading.Barrier | None = None
    ) -> None:
        self.pixels, self.fails_at, self.meeting = pixels, fails_at, meeting
        self.asked: list[slice] = []
        self.threads: set[int] = set()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, part: slice) -> np.ndarray:
        self.asked.append(part)
        new = threading.get_ident() not in self.threads
        self.threads.add(threading.get_ident())
        if new and self.meeting is not None:
            self.meeting.wait(timeout=30)
        indices = range(len(self))[part]
        if self.fails_at in indices:
            raise ImageError(f"crop {self.fails_at} cannot be made")
        return self.pixels[part]

    def sizes(self) -> list[int]:
        return [len(range(len(self))[part]) for part in self.asked]


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (21, 9, 9, 3), dtype=np.uint8)
    return np.stack([cv2.resize(pixels, (128, 128), interpolation=cv2.INTER_CUBIC) for pixels in coarse])


@pytest.fixture(scope="module")
def singles(lite_graph: Path, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each crop by itself on one thread."""
    backend = OnnxBackend(lite_graph, device="cpu", threads=1)
    outputs = [backend.run(crop[None]) for crop in crops]
    return np.concatenate([o.points for o in outputs]), np.concatenate([o.confidence for o in outputs])


@pytest.fixture
def backend(lite_graph: Path) -> OnnxBackend:
    backend = OnnxBackend(lite_graph, device="cpu", threads=2)
    _ = backend.geometry  # Loads it.
    return backend


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The numbers of threads of the sessions that are opened from now on."""
    threads_of: list[int | None] = []

    def open_session(graph: Path, *, device: str, threads: int | None) -> tuple[object, str]:
        threads_of.append(threads)
        return original(graph, device=device, threads=threads)

    original = onnx_backend.open_session
    monkeypatch.setattr(onnx_backend, "open_session", open_session)
    return threads_of


def _check(found: CascadeOutput, singles: tuple[np.ndarray, np.ndarray]) -> None:
    count = len(found[0])
    assert found[0].dtype == found[1].dtype == np.float32
    np.testing.assert_allclose(found[0], singles[0][:count], atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(found[1], singles[1][:count], atol=1e-6, rtol=0)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 4, 5, 7, 16, 21])
def test_any_batch_equals_single_crops(
    lite_graph: Path, crops: np.ndarray, singles: tuple[np.ndarray, np.ndarray], threads: int, count: int
) -> None:
    _check(OnnxBackend(lite_graph, device="cpu", threads=threads).run(crops[:count]), singles)


def test_crops_are_made_once_by_the_threads_that_run_them(backend: OnnxBackend, crops: np.ndarray) -> None:
    for count, sizes in ((4, [2, 2]), (16, [8, 8]), (18, [5, 5, 4, 4]), (21, [5, 5, 5, 5, 1])):
        recorded = RecordedCrops(crops[:count], meeting=threading.Barrier(2))
        backend.run(recorded)
        # Two threads ask in no certain order.
        assert sorted(recorded.sizes(), reverse=True) == sizes
        asked = [i for part in recorded.asked for i in range(count)[part]]
        assert sorted(asked) == list(range(count))
        assert len(recorded.threads) == 2


def test_small_batches_are_one_run_and_open_nothing(
    backend: OnnxBackend, crops: np.ndarray, opened: list[int | None]
) -> None:
    for count in (1, 2, 3):
        recorded = RecordedCrops(crops[:count])
        backend.run(recorded)
        assert recorded.sizes() == [count]
        assert recorded.threads == {threading.get_ident()}
    assert opened == []


def test_one_thread_needs_one_session(lite_graph: Path, crops: np.ndarray, opened: list[int | None]) -> None:
    backend = OnnxBackend(lite_graph, device="cpu", threads=1)
    recorded = RecordedCrops(crops)
    backend.run(recorded)
    assert opened == [1]
    assert max(recorded.sizes()) <= 8
    assert recorded.threads == {threading.get_ident()}


def test_no_number_of_threads_means_the_cores_of_the_process(
    lite_graph: Path, crops: np.ndarray, opened: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_backend, "usable_cores", lambda: 3)
    backend = OnnxBackend(lite_graph, device="cpu")
    recorded = RecordedCrops(crops[:12])
    backend.run(recorded)
    assert opened == [None, 1]
    assert recorded.sizes() == [4, 4, 4]


def test_other_devices_run_a_batch_as_a_whole(
    lite_graph: Path, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = onnx_backend.open_session
    monkeypatch.setattr(onnx_backend, "require_device", lambda device: None)
    monkeypatch.setattr(
        onnx_backend,
        "open_session",
        lambda graph, *, device, threads: (original(graph, device="cpu", threads=threads)[0], "cuda:0"),
    )
    recorded = RecordedCrops(crops)
    OnnxBackend(lite_graph, device="cuda", threads=2).run(recorded)
    assert recorded.sizes() == [len(crops)]


def test_several_threads_at_once_get_what_they_asked_for(
    backend: OnnxBackend,
    crops: np.ndarray,
    singles: tuple[np.ndarray, np.ndarray],
    opened: list[int | None],
) -> None:
    with ThreadPoolExecutor(4) as users:
        found = list(users.map(lambda count: backend.run(crops[:count]), [8, 5, 4, 9, 3, 8]))
    for outputs in found:
        _check(outputs, singles)
    assert opened == [1]


@pytest.mark.parametrize("fails_at", [0, 11, 20])
def test_a_crop_that_cannot_be_made_is_the_callers_error(
    backend: OnnxBackend, crops: np.ndarray, singles: tuple[np.ndarray, np.ndarray], fails_at: int
) -> None:
    with pytest.raises(ImageError, match=f"crop {fails_at} cannot be made"):
        backend.run(RecordedCrops(crops, fails_at=fails_at))
    _check(backend.run(crops[:6]), singles)


@pytest.mark.parametrize("becomes", ["gone", "another"])
def test_a_file_that_is_not_what_it_was_is_not_read_again(
    lite_graph: Path,
    crops: np.ndarray,
    singles: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
    becomes: str,
) -> None:
    file = tmp_path / "lite.onnx"
    shutil.copy(lite_graph, file)
    backend = OnnxBackend(file, device="cpu", threads=2)
    _ = backend.geometry
    file.unlink()
    if becomes == "another":
        file.write_bytes(b"other weights")
    recorded = RecordedCrops(crops[:6])
    _check(backend.run(recorded), singles)
    assert recorded.sizes() == [6]


def test_a_relative_path_is_that_of_the_folder_at_making(
    lite_graph: Path, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(lite_graph.parent)
    backend = OnnxBackend(Path(lite_graph.name), device="cpu", threads=2)
    monkeypatch.chdir(tmp_path)
    recorded = RecordedCrops(crops[:4])
    backend.run(recorded)
    assert sorted(recorded.sizes()) == [2, 2]
