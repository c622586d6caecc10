"""Items -> decoded images: one by one, or in groups that are read and decoded ahead in threads."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from face_alignment_3d.batch.items import Item
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.errors import VideoError
from face_alignment_3d.image_file import open_image_bytes, open_image_file
from face_alignment_3d.images import as_rgb

#: Images of a group at most, and their pixels, unless a single image has more. What is in a group must not
#: depend on how fast anything is: on a GPU the network's results differ in the last bits between batches.
_MOST_IMAGES: Final = 32
_MOST_PIXELS: Final = 32_000_000

#: Files that are read ahead at most, and their bytes, unless a single file has more.
_FILES_AHEAD: Final = 16
_BYTES_AHEAD: Final = 1 << 27


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A picture, a frame of a video, or the error that prevented it."""

    key: str
    """The item's key; for a frame ``<video>#<index>``."""
    content: npt.NDArray[np.uint8] | Exception
    """RGB (H, W, 3), upright; or the exception of reading it. Without pixels (H, W, 0)."""
    frame: int | None = None
    """The index of a video's frame; None for a photo."""
    time: float | None = None
    """The time stamp of a video's frame in seconds; None for a photo."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels; (0, 0) where it failed."""
        return (0, 0) if isinstance(self.content, Exception) else self.content.shape[:2]

    def without_pixels(self) -> "DecodedImage":
        """The same, but for its pixels, which take memory."""
        if isinstance(self.content, Exception):
            return self
        return replace(self, content=np.empty((*self.size, 0), np.uint8))


#: Reads and decodes an image.
Decoding: TypeAlias = Callable[[], DecodedImage]


@dataclass(frozen=True, eq=False)
class _Ready:
    """An image that can be put into a group."""

    pixels: int
    decode: Decoding


def each_decoding(
    items: Iterable[Item], reader: ItemReader, pool: ThreadPoolExecutor, *, every: int
) -> Iterator[Decoding]:
    """What decodes each image of ``items``, in order; of videos frames 0, ``every``, 2 * ``every``, ...

    Files on other machines are read ahead in ``pool``, up to 128 MiB of them or a single one; the system is
    asked to read those of this machine. A video that breaks off is one more image, which failed.
    """
    if not reader.is_local:
        yield from (ready.decode for ready in _ready(items, reader, pool, every))
        return
    for item in items:
        if item.is_video:
            yield from (ready.decode for ready in _frames(item, reader, every))
        else:
            if item.member is None:
                _ask_for(item.path)
            yield partial(_read_and_decode, item, reader)


def decoded_groups(
    items: Iterable[Item], reader: ItemReader, *, every: int, threads: int
) -> Generator[list[DecodedImage], None, None]:
    """The images of ``items``, in order, some at a time; of videos frames 0, ``every``, 2 * ``every``, ...

    While the caller works on a group, ``threads`` threads read files ahead and decode the next group. Memory
    is bounded: at most three groups and 128 MiB of files are held, or as many images and files that are
    larger alone. A video that breaks off is one more image, which failed.
    """
    with ThreadPoolExecutor(threads, "decoding") as pool:
        try:
            decoding: list[Future[DecodedImage]] = []
            for group in _grouped(_ready(items, reader, pool, every)):
                ahead = [pool.submit(ready.decode) for ready in group]
                del group
                if decoding:
                    yield [image.result() for image in decoding]
                decoding = ahead
            if decoding:
                yield [image.result() for image in decoding]
        finally:
            pool.shutdown(cancel_futures=True)


def decoded_one_by_one(
    items: Iterable[Item], reader: ItemReader, *, every: int, before: Callable[[str], None]
) -> Generator[list[DecodedImage], None, None]:
    """:func:`decoded_groups` with groups of one and nothing done ahead, in the caller's thread.

    ``before`` is called with the key of each item before anything is done with it.
    """
    for item in items:
        before(item.key)
        if item.is_video:
            yield from ([ready.decode()] for ready in _frames(item, reader, every))
        else:
            yield [_read_and_decode(item, reader)]


def _grouped(images: Iterable[_Ready]) -> Iterator[list[_Ready]]:
    group: list[_Ready] = []
    pixels = 0
    for image in images:
        if group and (len(group) == _MOST_IMAGES or pixels + image.pixels > _MOST_PIXELS):
            yield group
            group, pixels = [], 0
        group.append(image)
        pixels += image.pixels
    if group:
        yield group


def _ready(
    items: Iterable[Item], reader: ItemReader, pool: ThreadPoolExecutor, every: int
) -> Iterator[_Ready]:
    """Reads ahead; videos, which read ahead by themselves, one at a time."""
    reading: deque[tuple[int, Future[_Ready]]] = deque()
    size = 0
    for item in items:
        held = 0 if item.member is None and reader.is_local else item.size
        while reading and (item.is_video or len(reading) == _FILES_AHEAD or size + held > _BYTES_AHEAD):
            done, future = reading.popleft()
            yield future.result()
            size -= done
        if item.is_video:
            yield from _frames(item, reader, every)
        else:
            reading.append((held, pool.submit(_read, item, reader)))
            size += held
    for _, future in reading:
        yield future.result()


def _read(item: Item, reader: ItemReader) -> _Ready:
    try:
        picture = reader.picture(item)
        with _open(item, picture) as image:
            return _Ready(image.width * image.height, partial(_decode, item, picture))
    except Exception as error:
        return _decoded(DecodedImage(item.key, error))


def _read_and_decode(item: Item, reader: ItemReader) -> DecodedImage:
    try:
        return _decode(item, reader.picture(item))
    except Exception as error:
        return DecodedImage(item.key, error)


def _ask_for(path: str) -> None:
    """Has the system read a file, while this process does other things, where it can."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED)
            finally:
                os.close(file)


def _decode(item: Item, picture: Path | bytes) -> DecodedImage:
    try:
        with _open(item, picture) as image:
            return DecodedImage(item.key, as_rgb(image))
    except Exception as error:
        return DecodedImage(item.key, error)


def _decoded(image: DecodedImage) -> _Ready:
    return _Ready(image.size[0] * image.size[1], lambda: image)


def _open(item: Item, picture: Path | bytes) -> AbstractContextManager[Image.Image]:
    return open_image_file(picture) if isinstance(picture, Path) else open_image_bytes(picture, item.key)


def _frames(item: Item, reader: ItemReader, every: int) -> Iterator[_Ready]:
    from face_alignment_3d.video.reader import VideoReader

    try:
        with reader.local_file(item) as path, VideoReader(path) as video:
            for frame in video.frames(every=every):
                key = f"{item.key}#{frame.index}"
                yield _decoded(DecodedImage(key, frame.image_rgb, frame.index, frame.time))
            problem: Exception | None = (
                None if video.problem is None else VideoError(f"{item.key}: {video.problem}")
            )
    except Exception as error:
        problem = error
    if problem is not None:
        yield _decoded(DecodedImage(item.key, problem))
