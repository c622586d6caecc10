"""Reading the items of a source: from files, from zip archives, and from tar archives by their offsets."""

import errno
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Final, TypeVar

from face_alignment_3d.batch.archives import tar_compression
from face_alignment_3d.batch.items import Item
from face_alignment_3d.batch.open_archives import OpenArchives
from face_alignment_3d.batch.places import file_system_of, is_local, version_of
from face_alignment_3d.errors import ImageError

_Value = TypeVar("_Value")

#: Bytes of a picture's file beyond which it is refused rather than read into memory.
_LARGEST_FILE: Final = 1 << 29

#: Bytes that are copied at a time.
_BLOCK: Final = 1 << 20

#: Seconds to wait before trying again what the network, or a full table of files, did not give.
_PAUSES: Final = (0.5, 2.0, 8.0)
#: Errors of the file system that another try does not change.
_LASTING: Final = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class ItemReader:
    """Reads items of the source ``url``; may be used from several threads; a context manager.

    Archives that were read last stay open; one that is compressed lies unpacked in a temporary file.
    """

    def __init__(self, url: str) -> None:
        self._fs, _ = file_system_of(url)
        self.is_local = is_local(self._fs)
        """True where files need not be fetched."""
        self._archives = OpenArchives(self._fs)
        self._versions: dict[str, str] = {}

    def __enter__(self) -> "ItemReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the archives that are open."""
        self._archives.close()

    def picture(self, item: Item) -> Path | bytes:
        """A picture: the path of a local file, or what is in the file.

        Raises :class:`ImageError` for what cannot be read, and for files above 512 MiB that would have to be
        held in memory.
        """
        if item.problem is not None:
            raise ImageError(item.problem)
        if self.is_local and item.member is None:
            return Path(item.path)
        if item.size > _LARGEST_FILE:
            raise ImageError(
                f"{item.key} has {item.size >> 20} MiB; expected at most {_LARGEST_FILE >> 20} MiB in an "
                "archive or a remote file: check it, or align it as a local file"
            )
        return self._retried(item, lambda: self._content(item))

    @contextmanager
    def local_file(self, item: Item) -> Iterator[Path]:
        """A file on this machine, of any size, for as long as the block runs. Raises as :meth:`picture`."""
        if item.problem is not None:
            raise ImageError(item.problem)
        if self.is_local and item.member is None:
            if (path := Path(item.path)).exists() and not path.is_file():
                raise ImageError(f"expected a video; {item.key} is a pipe or a device")
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            free = shutil.disk_usage(folder).free
            if item.size > free:
                raise ImageError(
                    f"{item.key} has {item.size >> 20} MiB; the folder for temporary files has {free >> 20} "
                    "MiB left: set TMPDIR to another, or unpack the archive"
                )
            path = Path(folder) / f"item{Path(item.key).suffix}"
            self._retried(item, lambda: self._copy(item, path))
            yield path

    def _content(self, item: Item) -> bytes:
        self._require_unchanged(item)
        if item.member is None:
            content: bytes = self._fs.cat_file(item.path)
        elif item.offset is not None and tar_compression(item.path) is None:
            content = self._fs.cat_file(item.path, start=item.offset, end=item.offset + item.size)
        else:
            with self._opened(item) as file:
                content = file.read(item.size)
        if item.member is not None and len(content) < item.size:
            raise ImageError(f"{item.key} is cut short, as its archive is; get the archive again")
        return content

    def _copy(self, item: Item, target: Path) -> None:
        self._require_unchanged(item)
        left = item.size if item.member is not None else sys.maxsize
        with target.open("wb") as copy, self._opened(item) as file:
            while left > 0 and (block := file.read(min(left, _BLOCK))):
                copy.write(block)
                left -= len(block)

    def _require_unchanged(self, item: Item) -> None:
        """Raises :class:`ImageError` where an archive is no longer the one that was listed.

        On this machine each time, elsewhere once.
        """
        if item.version is None:
            return
        if self.is_local or item.path not in self._versions:
            self._versions[item.path] = version_of(self._fs, item.path)
        if self._versions[item.path] != item.version:
            raise ImageError(
                f"{item.key} is in an archive that has changed since the batch was begun; align it to "
                "another destination"
            )

    @contextmanager
    def _opened(self, item: Item) -> Iterator[IO[bytes]]:
        """The file, or the archive, at the item's beginning. It may go on beyond the item's end."""
        with ExitStack() as stack:
            if item.member is not None and item.offset is None:
                archive = stack.enter_context(self._archives.zip_file(item.path))
                yield stack.enter_context(archive.open(item.member))
                return
            if tar_compression(item.path) is None or item.member is None:
                file = stack.enter_context(self._fs.open(item.path, "rb"))
            else:
                unpacked = stack.enter_context(self._archives.unpacked_tar(item.path))
                file = stack.enter_context(unpacked.open("rb"))
            file.seek(item.offset or 0)
            yield file

    def _retried(self, item: Item, read: Callable[[], _Value]) -> _Value:
        for pause in (*_PAUSES, None):
            try:
                return read()
            except ImageError:
                raise
            except (OSError, TimeoutError) as error:
                lasting = isinstance(error, _LASTING) or error.errno == errno.ENOSPC
                if pause is None or lasting or self.is_local:
                    raise ImageError(f"cannot read {item.key}: {error}") from error
                time.sleep(pause)
            except MemoryError:
                raise
            except Exception as error:  # As each compression has its own, and zip several.
                raise ImageError(
                    f"cannot read {item.key} in its archive: {error}; get the archive again, or unpack it"
                ) from error
        raise AssertionError
