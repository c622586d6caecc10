"""Images in threads: in order, one failure not spoiling others, and the same faces whatever the threads."""

import threading
import weakref
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d.batch import AlignerOptions, decoding, run_batch
from face_alignment_3d.batch.aligned import aligned_groups, faces_of_each
from face_alignment_3d.batch.decoding import DecodedImage
from face_alignment_3d.batch.items import Item
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.sources import Source
from face_alignment_3d.face import Face3D
from tests.batch.conftest import files_in, picture
from tests.batch.stub_aligner import IMPOSSIBLE, StubAligner, StubSource

DEVICES = ["cpu", "cuda:0"]


def faces_in(folder: Path | str, aligner: StubAligner, threads: int) -> dict[str, list[Face3D] | Exception]:
    items = list(Source(str(folder), videos=False).items())
    with ItemReader(str(folder)) as reader:
        groups = aligned_groups(items, reader, aligner, every=1, threads=threads)
        found = [image for group in groups for image in group]
    assert [aligned.image.key for aligned in found] == [item.key for item in items]
    assert all(np.size(aligned.image.content) <= 1 for aligned in found), "pixels are not kept"
    return {aligned.image.key: aligned.faces for aligned in found}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("threads", [1, 3])
def test_faces_in_the_order_of_the_images(album: Path, device: str, threads: int) -> None:
    picture(album / "odd.png", color=IMPOSSIBLE)
    found = faces_in(album, StubSource(device=device).open(threads=threads), threads)
    failed = {key for key, faces in found.items() if isinstance(faces, Exception)}
    assert failed == {"odd.png", "none.jpg", "summer/cut.png"}
    expected = StubSource().open(threads=1).detect(np.asarray(Image.open(album / "summer" / "13.png")))
    faces = found["summer/13.png"]
    assert isinstance(faces, list)
    for face, right in zip(faces, expected, strict=True):
        np.testing.assert_array_equal(face.landmarks, right.landmarks)


@pytest.mark.parametrize("device", DEVICES)
def test_files_elsewhere_are_read_ahead(album: Path, device: str) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(album), "/album", recursive=True)
    try:
        found = faces_in("memory://album", StubSource(device=device).open(threads=2), 2)
    finally:
        memory.rm("/album", recursive=True)
    assert len(found) == 42
    assert sum(isinstance(faces, Exception) for faces in found.values()) == 2


@pytest.mark.parametrize("device", DEVICES)
def test_images_of_one_call(device: str) -> None:
    aligner = StubSource(device=device).open(threads=2)
    images: list[Any] = [np.full((8, width, 3), width, np.uint8) for width in (5, 15, 25)]
    odd = np.full((8, 8, 3), IMPOSSIBLE, np.uint8)
    problem = ValueError("damaged")
    found = faces_of_each(aligner, [*images, odd, problem], threads=2)
    assert [len(faces) for faces in found[:3] if isinstance(faces, list)] == [0, 1, 2]
    assert isinstance(found[3], RuntimeError)
    assert found[4] is problem


def test_a_thread_has_one_photo_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(12):
        picture(tmp_path / f"{index:02}.png", width=15, color=(index, 0, 0))
    alive: weakref.WeakSet[DecodedImage] = weakref.WeakSet()
    real, lock, most = decoding._decode, threading.Lock(), 0

    def decode(item: Item, file: Path | bytes) -> DecodedImage:
        image = real(item, file)
        with lock:
            alive.add(image)
        return image

    class Counting(StubAligner):
        def detect(self, image: npt.NDArray[np.uint8]) -> list[Face3D]:
            nonlocal most
            with lock:
                most = max(most, len(alive))
            return super().detect(image)

    monkeypatch.setattr(decoding, "_decode", decode)
    faces_in(tmp_path, Counting(0.005, "cpu"), 3)
    assert 1 <= most <= 3


@pytest.fixture
def portraits(tmp_path: Path) -> Path:
    """Photos of three sizes, one without a face."""
    folder = tmp_path / "portraits"
    folder.mkdir()
    photo = Image.fromarray(skimage.data.astronaut())
    for index, size in enumerate((180, 240, 320, 200, 260)):
        photo.rotate(7 * index).resize((size, size)).save(folder / f"{index}.png")
    picture(folder / "none.png", width=90)
    return folder


@pytest.mark.usefixtures("inline")
def test_tables_do_not_depend_on_threads(portraits: Path, tmp_path: Path, lite_graph: Path) -> None:
    aligner = AlignerOptions(str(lite_graph), device="cpu")
    written = []
    for threads, task_size in ((1, 6), (3, 6), (2, 6)):
        out = tmp_path / f"out{threads}"
        summary = run_batch(
            str(portraits), str(out), aligner=aligner, workers=1, threads=threads, task_size=task_size
        )
        assert summary.counts.faces == 5
        written.append(files_in(out))
    assert written[0] == written[1] == written[2]
