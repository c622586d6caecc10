"""Files on any file system of fsspec, written whole or not at all."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from face_alignment_3d.atomic import PartFile
from face_alignment_3d.batch.places import file_system_of, is_local, without_password
from face_alignment_3d.errors import BatchError

#: Protocols whose files appear only when they are complete: an upload that breaks off leaves nothing.
_WHOLE_UPLOADS: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory", "hf"}
)

#: Ending of files that are being written, see :class:`~face_alignment_3d.atomic.PartFile`.
_PART: Final = ".part"


class Destination:
    """A folder, by path or url. Names are paths below it, with "/". It can be pickled.

    Raises :class:`BatchError` for a url of an unknown protocol, or of one whose package is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = without_password(url)
        """For messages."""
        try:
            self._fs, root = file_system_of(url)
        except (ValueError, ImportError) as error:
            raise BatchError(f"cannot open the destination {self.url}: {error}") from error
        self._root: str = root.rstrip("/")

    @property
    def local(self) -> Path | None:
        """The folder itself where it is on this machine's file systems, else None."""
        return Path(self._root) if is_local(self._fs) else None

    def names(self) -> set[str]:
        """The names of the files and folders right below; empty where there is no such folder."""
        self._fs.invalidate_cache()
        try:
            return {
                str(path).rstrip("/").rpartition("/")[2] for path in self._fs.ls(self._root, detail=False)
            }
        except FileNotFoundError:
            return set()
        except NotADirectoryError as error:
            raise BatchError(f"the destination {self.url} is a file; expected a folder") from error

    def sizes(self, folder: str) -> dict[str, int]:
        """Name, without the folder -> bytes of each finished file in ``folder``."""
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return {}
        files = {str(entry["name"]).rpartition("/")[2]: entry for entry in found if entry["type"] == "file"}
        return {name: int(entry["size"]) for name, entry in files.items() if not name.endswith(_PART)}

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        self._fs.invalidate_cache()
        try:
            return int(self._fs.info(f"{self._root}/{name}")["size"])
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes:
        """The content of a file; FileNotFoundError where there is none."""
        content: bytes = self._fs.cat_file(f"{self._root}/{name}")
        return content

    def read_all(self, names: list[str]) -> dict[str, bytes]:
        """Name -> content; many requests at a time where the file system can do that."""
        paths = {f"{self._root}/{name}": name for name in names}
        if not paths:
            return {}
        # Not cat, which takes brackets in names for patterns.
        found = self._fs.cat_ranges(list(paths), [None] * len(paths), [None] * len(paths), on_error="raise")
        return dict(zip(paths.values(), found, strict=True))

    def write(self, name: str, content: bytes) -> None:
        """Writes a file whole or not at all, also where there is one of that name."""
        with self.part(name) as path:
            path.write_bytes(content)

    @contextmanager
    def part(self, name: str) -> Iterator[Path]:
        """A local file to be written and closed inside; it becomes the file ``name`` when that succeeds."""
        if (local := self.local) is not None:
            (local / name).parent.mkdir(parents=True, exist_ok=True)
            part = PartFile(local / name)
            try:
                yield part.path
                part.finish()
            finally:
                part.discard()
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part"
            yield path
            self._upload(path, name)

    def open(self, name: str) -> Any:
        """A file, for reading, as of ``fsspec``."""
        return self._fs.open(f"{self._root}/{name}", "rb")

    def remove(self, name: str) -> None:
        """Removes a file, if there is one."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{name}")

    def remove_parts(self, folders: Iterable[str]) -> None:
        """Removes what killed processes have left half-written in ``folders``, on this machine only."""
        if (local := self.local) is not None:
            for folder in folders:
                for path in (local / folder).glob(f".*-*{_PART}"):
                    path.unlink(missing_ok=True)

    def _upload(self, path: Path, name: str) -> None:
        target = f"{self._root}/{name}"
        protocols = {self._fs.protocol} if isinstance(self._fs.protocol, str) else set(self._fs.protocol)
        if protocols & _WHOLE_UPLOADS:
            self._fs.put_file(str(path), target)
            return
        self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        hidden = f"{target}{_PART}"
        self._fs.put_file(str(path), hidden)
        with suppress(FileNotFoundError):
            self._fs.rm_file(target)
        self._fs.mv(hidden, target)
