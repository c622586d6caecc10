"""Images are read ahead, in order, in groups that depend on nothing but the images, and memory is bounded."""

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.batch import decoding
from face_alignment_3d.batch.decoding import DecodedImage, decoded_groups, decoded_one_by_one
from face_alignment_3d.batch.items import Item
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.sources import Source


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[ItemReader]:
    with ItemReader(str(tmp_path)) as reader:
        yield reader


def items_of(folder: Path, sizes: list[tuple[int, int]]) -> list[Item]:
    for index, size in enumerate(sizes):
        Image.new("L", size, index).save(folder / f"{index:03}.png")
    return list(Source(str(folder), videos=False).items())


@pytest.mark.parametrize("threads", [1, 4])
def test_groups_end_at_a_number_of_images_and_of_pixels(
    tmp_path: Path, reader: ItemReader, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_MOST_IMAGES", 4)
    monkeypatch.setattr(decoding, "_MOST_PIXELS", 1000)
    # 100 pixels, then two of 600, one of 5,000 by itself, and small ones.
    sizes = [(10, 10)] * 5 + [(20, 30)] * 2 + [(50, 100)] + [(10, 10)] * 6
    groups = list(decoded_groups(items_of(tmp_path, sizes), reader, every=1, threads=threads))
    assert [len(group) for group in groups] == [4, 2, 1, 1, 4, 2]
    values = [int(image.content[0, 0, 0]) for group in groups for image in group]  # type: ignore[index]
    assert values == list(range(len(sizes)))


def test_one_by_one_says_what_comes(tmp_path: Path, reader: ItemReader) -> None:
    said: list[str] = []
    items = items_of(tmp_path, [(10, 10)] * 3)
    groups = decoded_one_by_one(items, reader, every=1, before=said.append)
    for index, group in enumerate(groups):
        assert [image.key for image in group] == [items[index].key]
        assert said == [item.key for item in items[: index + 1]]


def test_the_next_group_is_decoded_while_the_caller_works(
    tmp_path: Path, reader: ItemReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_MOST_IMAGES", 2)
    real, decoded = decoding._decode, threading.Event()

    def decode(item: Item, picture: Any) -> DecodedImage:
        if item.key == "003.png":
            decoded.set()
        return real(item, picture)

    monkeypatch.setattr(decoding, "_decode", decode)
    groups = decoded_groups(items_of(tmp_path, [(10, 10)] * 6), reader, every=1, threads=1)
    assert [image.key for image in next(groups)] == ["000.png", "001.png"]
    assert decoded.wait(10)
    groups.close()


def test_few_images_are_held_however_many_there_are(
    tmp_path: Path, reader: ItemReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_MOST_PIXELS", 10_000)
    alive: weakref.WeakSet[DecodedImage] = weakref.WeakSet()
    real = decoding._decode

    def decode(item: Item, picture: Any) -> DecodedImage:
        image = real(item, picture)
        alive.add(image)
        return image

    monkeypatch.setattr(decoding, "_decode", decode)
    most = 0
    # Each has as many pixels as a group may have.
    for group in decoded_groups(items_of(tmp_path, [(100, 100)] * 40), reader, every=1, threads=4):
        gc.collect()
        most = max(most, len(alive))
        del group
    assert most <= 3


def test_files_are_read_ahead_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_BYTES_AHEAD", 1000)
    started: list[str] = []

    class Remote(ItemReader):
        def picture(self, item: Item) -> Path | bytes:
            started.append(item.key)
            return Path(item.path)

    items = items_of(tmp_path, [(10, 10)] * 12)
    with Remote(str(tmp_path)) as reader:
        reader.is_local = False
        large = [Item(item.key, item.path, 900) for item in items]
        monkeypatch.setattr(decoding, "_MOST_IMAGES", 1)
        groups = decoded_groups(large, reader, every=1, threads=4)
        next(groups)
        # The first, the second, whose group is being decoded, the third, and the one that is read.
        assert len(started) <= 4
        groups.close()


def test_what_fails_is_in_its_place(tmp_path: Path, reader: ItemReader) -> None:
    items = items_of(tmp_path, [(10, 10)] * 3)
    (tmp_path / "001.png").write_bytes(b"no picture")
    images = [image for group in decoded_groups(items, reader, every=1, threads=2) for image in group]
    assert [isinstance(image.content, np.ndarray) for image in images] == [True, False, True]


def test_a_bomb_is_a_failure(tmp_path: Path, reader: ItemReader, monkeypatch: pytest.MonkeyPatch) -> None:
    items = items_of(tmp_path, [(10, 10), (300, 300)])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    small, large = next(decoded_groups(items, reader, every=1, threads=1))
    assert isinstance(small.content, np.ndarray)
    assert "too large" in str(large.content)
