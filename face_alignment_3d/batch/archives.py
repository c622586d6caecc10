"""The members of zip and tar archives, without unpacking them."""

import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, Final, cast

#: Ending of a tar -> fsspec's name of its compression. The longest ending counts.
TAR_COMPRESSIONS: Final[dict[str, str | None]] = {
    ".tar": None,
    ".tar.gz": "gzip",
    ".tgz": "gzip",
    ".tar.bz2": "bz2",
    ".tbz2": "bz2",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.zst": "zstd",
}

ARCHIVE_ENDINGS: Final = (".zip", *TAR_COMPRESSIONS)

#: Bytes that a tar's headers are read in at most. A long name needs some thousand.
_LARGEST_HEADER: Final = 1 << 24
#: Bytes of the list at a zip's end, which is read at once. A million pictures have about as many.
_LARGEST_LIST: Final = 1 << 27

#: Bytes that every compressed tar may unpack to, and more as a multiple of its size.
_ANY_UNPACKED: Final = 1 << 30
_LARGEST_RATIO: Final = 200


@dataclass(frozen=True)
class Member:
    """A file inside an archive."""

    name: str
    size: int
    """Bytes, unpacked."""
    offset: int | None
    """Bytes before it in a tar, after decompression; None in a zip."""


def is_archive(path: str) -> bool:
    """True if the name is that of an archive."""
    return path.lower().endswith(ARCHIVE_ENDINGS)


def tar_compression(path: str) -> str | None:
    """The compression of a tar, as fsspec calls it; None for a plain tar."""
    return next(
        (kind for ending, kind in TAR_COMPRESSIONS.items() if kind and path.lower().endswith(ending)), None
    )


def most_unpacked(size: int) -> int:
    """Bytes that a tar of ``size`` bytes may unpack to: pictures hardly shrink, bombs a thousandfold."""
    return max(_ANY_UNPACKED, _LARGEST_RATIO * size)


def members_of(path: str, file: IO[bytes], *, size: int) -> tuple[list[Member], str | None]:
    """The files in an archive that is open for reading (a tar: after decompression), and its damage.

    ``size`` is that of the archive's file, in bytes. Of several members of one name the last counts, as when
    unpacking. What can be read of an archive that breaks off, or unpacks to more than :func:`most_unpacked`,
    is there. The problem is None where there is none.
    """
    found: dict[str, Member] = {}
    most = sys.maxsize if tar_compression(path) is None else most_unpacked(size)
    try:
        for member in _in_zip(file) if path.lower().endswith(".zip") else _in_tar(file, most):
            found[member.name] = member
    except MemoryError:
        raise
    except Exception as error:  # Damaged archives raise almost anything, and each compression its own.
        return list(found.values()), f"the archive is damaged or cut short: {error}; get the file again"
    return list(found.values()), None


def _in_zip(file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(cast("IO[bytes]", _Bounded(file, largest=_LARGEST_LIST))) as archive:
        for info in archive.infolist():
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                yield Member(info.filename, info.file_size, None)


def _in_tar(file: IO[bytes], most: int) -> Iterator[Member]:
    files: dict[str, Member] = {}
    bounded = _Bounded(file, largest=_LARGEST_HEADER, most=most)
    before = -1
    with tarfile.open(fileobj=bounded, mode="r:" if file.seekable() else "r|") as archive:
        for info in archive:
            archive.members = []  # type: ignore[attr-defined]  # It would keep them all.
            if info.size < 0 or info.offset <= before:
                raise tarfile.ReadError(f"a member of {info.size} bytes, which would lead back")
            before = info.offset
            if info.isreg() and not info.issparse():
                files[info.name] = Member(info.name, info.size, info.offset_data)
                yield files[info.name]
            elif info.islnk() and (linked := files.get(info.linkname)):
                yield replace(linked, name=info.name)


class _Bounded:
    """An archive of which only headers are read; one that claims to be huge would be read into memory whole.

    A header may have ``largest`` bytes. What lies behind the first ``most`` bytes is not sought.
    """

    def __init__(self, file: IO[bytes], *, largest: int, most: int = sys.maxsize) -> None:
        self._file, self._largest, self._most = file, largest, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0 and offset > self._most:
            raise tarfile.ReadError(
                f"it unpacks to more than {self._most >> 20} MiB and {_LARGEST_RATIO} times its size"
            )
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        found = b"" if size > self._largest else self._file.read(size if size >= 0 else self._largest + 1)
        if max(size, len(found)) > self._largest:
            raise tarfile.ReadError(f"a header of {size} bytes; expected {self._largest} at most")
        return found
