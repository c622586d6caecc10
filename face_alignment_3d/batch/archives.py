"""The members of zip and tar archives, without unpacking them."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final, Literal, cast

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

#: Bytes that every compressed tar may unpack to, and more as a multiple of its size.
_ANY_UNPACKED: Final = 1 << 30
_LARGEST_RATIO: Final = 200
#: Bytes of the headers of a tar's member, at most.
_LARGEST_HEADER: Final = 1 << 24

#: The exceptions of reading archives that are damaged.
_DAMAGE: Final = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(ValueError, KeyError, IndexError, NotImplementedError, OverflowError, RuntimeError, struct.error),
)


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
    """Bytes that an archive of ``size`` bytes may unpack to: pictures hardly shrink, bombs a thousandfold."""
    return max(_ANY_UNPACKED, _LARGEST_RATIO * size)


def members_of(path: str, file: IO[bytes], *, size: int) -> tuple[list[Member], str | None]:
    """The files in an archive that is open for reading (a tar: after decompression), and its damage.

    ``size`` is that of the archive's file, in bytes. Of several members of one name the last counts, as when
    unpacking. What can be read of an archive that breaks off, or unpacks to more than :func:`most_unpacked`,
    is there. The problem is None where there is none.
    """
    found: dict[str, Member] = {}
    try:
        if path.lower().endswith(".zip"):
            members = _in_zip(file)
        else:
            members = _in_tar(_Bounded(file, None if tar_compression(path) is None else most_unpacked(size)))
        for member in members:
            found[member.name] = member
    except _DAMAGE as error:
        return list(found.values()), f"the archive is damaged or cut short: {error}; get the file again"
    return list(found.values()), None


class _Bounded:
    """A file that is open for reading, of which tarfile reads neither vast headers nor what lies far behind.

    Names and attributes of members are read into memory whole, however large their header says they are.
    """

    def __init__(self, file: IO[bytes], most: int | None = None) -> None:
        self._file, self._most = file, most

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0 and self._most is not None and offset > self._most:
            raise tarfile.ReadError(
                f"it unpacks to more than {_LARGEST_RATIO} times its size and {self._most >> 20} MiB"
            )
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return self._file.seekable()


def _in_zip(file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield Member(info.filename, info.file_size, None)


def _in_tar(file: _Bounded) -> Iterator[Member]:
    mode: Literal["r:", "r|"] = "r:" if file.seekable() else "r|"
    with tarfile.open(fileobj=cast("IO[bytes]", file), mode=mode) as archive:
        for info in archive:
            archive.members = []  # type: ignore[attr-defined]  # It would keep them all.
            if info.isreg() and not info.issparse():
                yield Member(info.name, info.size, info.offset_data)
