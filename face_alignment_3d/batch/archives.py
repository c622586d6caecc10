"""The members of zip and tar archives, without unpacking them."""

import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, Final

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


def members_of(path: str, file: IO[bytes]) -> tuple[list[Member], str | None]:
    """The files in an archive that is open for reading (a tar: after decompression), and its damage.

    Of several members of one name the last counts, as when unpacking. What can be read of an archive that
    breaks off is there. The problem is None where there is none.
    """
    found: dict[str, Member] = {}
    try:
        for member in _in_zip(file) if path.lower().endswith(".zip") else _in_tar(file):
            found[member.name] = member
    except MemoryError:
        raise
    except Exception as error:  # Damaged archives raise almost anything, and each compression its own.
        return list(found.values()), f"the archive is damaged or cut short: {error}; get the file again"
    return list(found.values()), None


def _in_zip(file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield Member(info.filename, info.file_size, None)


def _in_tar(file: IO[bytes]) -> Iterator[Member]:
    files: dict[str, Member] = {}
    with tarfile.open(fileobj=_Headers(file), mode="r:" if file.seekable() else "r|") as archive:  # type: ignore[call-overload]
        for info in archive:
            archive.members = []  # type: ignore[attr-defined]  # It would keep them all.
            if info.isreg() and not info.issparse():
                files[info.name] = Member(info.name, info.size, info.offset_data)
                yield files[info.name]
            elif info.islnk() and (linked := files.get(info.linkname)):
                yield replace(linked, name=info.name)


class _Headers:
    """A tar of which only headers are read; one that claims to be huge would be read into memory whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int) -> bytes:
        if size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes; expected {_LARGEST_HEADER} at most")
        return self._file.read(size)
