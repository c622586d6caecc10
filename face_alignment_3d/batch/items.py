"""One item of a source, a picture or a video, and its place."""

import re
from dataclasses import dataclass
from typing import Final

from face_alignment_3d.image_file import PICTURE_ENDINGS

_VIDEOS: Final = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"),
    *(".mts", ".m2ts", ".ogv"),
)


@dataclass(frozen=True)
class Item:
    """A picture or a video, in a file of its own or inside an archive."""

    key: str
    """The path below the source's folder; inside an archive, the archive's path comes before it. No two items
    share one."""
    path: str
    """The file, or the archive, in the source's file system."""
    size: int
    """Bytes, unpacked."""
    member: str | None = None
    """The name inside an archive."""
    offset: int | None = None
    """Bytes before it in a tar, after decompression."""
    version: str | None = None
    """Of the archive when it was listed (:func:`~.places.version_of`): in another the offset is wrong."""
    problem: str | None = None
    """The reason for which nothing can be read: a folder that may not be opened, a damaged archive."""

    def __post_init__(self) -> None:
        if self.problem is not None:
            object.__setattr__(self, "problem", _utf8(self.problem))

    @property
    def is_video(self) -> bool:
        """True if the name is that of a video."""
        return is_video(self.key)


def as_key(name: str) -> str:
    r"""The key for a name, in UTF-8: bytes that are none become the escape ``\udc80`` to ``\udcff``.

    No two names share a key: a backslash that would begin such an escape, or this one, becomes ``\x5c``.
    """
    return _utf8(re.sub(r"\\(?=udc|x5c)", r"\\x5c", name))


def _utf8(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_picture(name: str) -> bool:
    """True if the name is that of a picture."""
    return name.lower().endswith(PICTURE_ENDINGS) and not _is_hidden(name)


def is_video(name: str) -> bool:
    """True if the name is that of a video."""
    return name.lower().endswith(_VIDEOS) and not _is_hidden(name)


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")
