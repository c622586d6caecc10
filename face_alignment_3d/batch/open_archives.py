"""Archives that several threads read at the same time, each opened once."""

import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

from face_alignment_3d.batch.archives import tar_compression

#: Archives that stay open. Readers go from one to the next, so two are enough that none is opened twice.
_KEPT: Final = 2
#: Bytes that are copied at a time.
_BLOCK: Final = 1 << 20


@dataclass
class _Archive:
    content: Any
    stack: ExitStack
    users: int = 0
    is_kept: bool = field(default=True)


class OpenArchives:
    """The archives of a file system of fsspec's that were read last."""

    def __init__(self, file_system: Any) -> None:
        self._fs = file_system
        self._lock = Lock()
        self._kept: OrderedDict[str, _Archive] = OrderedDict()
        self._too_large: dict[str, OSError] = {}

    @contextmanager
    def zip_file(self, path: str) -> Iterator[zipfile.ZipFile]:
        """A zip archive, open for reading."""

        def open_zip(stack: ExitStack) -> zipfile.ZipFile:
            return stack.enter_context(zipfile.ZipFile(stack.enter_context(self._fs.open(path, "rb"))))

        with self._lease(path, open_zip) as archive:
            yield archive

    @contextmanager
    def unpacked_tar(self, path: str) -> Iterator[Path]:
        """A compressed tar as a plain one, in a temporary file."""

        def unpack(stack: ExitStack) -> Path:
            target = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "unpacked.tar"
            compressed = self._fs.open(path, "rb", compression=tar_compression(path))
            with compressed as file, target.open("wb") as copy:
                for block in _readable(file):
                    try:
                        copy.write(block)
                    except OSError as error:
                        self._too_large[path] = error  # To try again would take as long each time.
                        raise
            return target

        if (error := self._too_large.get(path)) is not None:
            raise error
        with self._lease(path, unpack) as unpacked:
            yield unpacked

    def close(self) -> None:
        """Closes all; those in use when their users are done."""
        with self._lock:
            while self._kept:
                self._let_go(self._kept.popitem()[1])

    @contextmanager
    def _lease(self, path: str, open_it: Callable[[ExitStack], Any]) -> Iterator[Any]:
        with self._lock:
            if path not in self._kept:
                with ExitStack() as stack:
                    content = open_it(stack)
                    self._kept[path] = _Archive(content, stack.pop_all())
                while len(self._kept) > _KEPT:
                    self._let_go(self._kept.popitem(last=False)[1])
            archive = self._kept[path]
            self._kept.move_to_end(path)
            archive.users += 1
        try:
            yield archive.content
        finally:
            with self._lock:
                archive.users -= 1
                if not (archive.users or archive.is_kept):
                    archive.stack.close()

    def _let_go(self, archive: _Archive) -> None:
        archive.is_kept = False
        if not archive.users:
            archive.stack.close()


def _readable(file: IO[bytes]) -> Iterator[bytes]:
    """What can be unpacked of a file that may be damaged or cut short: its beginning."""
    try:
        while block := file.read(_BLOCK):
            yield block
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile):
        return
    except OSError as error:
        if str(error) != "Invalid data stream":  # As bzip2 puts it, which has no error of its own.
            raise
