"""Opening media files with PyAV, an optional package, and repairing time stamps that do not rise."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from face_alignment_3d.cores import cpu_quota
from face_alignment_3d.errors import VideoError
from face_alignment_3d.optional import optional_import

if TYPE_CHECKING:
    import av


def import_av() -> ModuleType:
    """The module ``av``; raises :class:`BackendError` where it is not installed."""
    with optional_import("reading or writing a video"):
        import av
    module: ModuleType = av
    return module


def open_input(path: Path) -> "av.container.InputContainer":
    """Opens a local file for reading; what it refers to is read from local files only.

    Names such as ``12:30.mp4`` and ``http:x.mp4`` are files, not addresses.
    """
    container: av.container.InputContainer = import_av().open(
        _file_url(path), options={"protocol_whitelist": "file,crypto,data"}
    )
    return container


def open_output(path: Path, *, container_format: str) -> "av.container.OutputContainer":
    """Opens a local file for writing, in FFmpeg's ``container_format``."""
    container: av.container.OutputContainer = import_av().open(_file_url(path), "w", format=container_format)
    return container


def _file_url(path: Path) -> str:
    return f"file:{os.fspath(path)}"


def limit_threads(stream: "av.VideoStream") -> None:
    """Lets FFmpeg decode or encode with no more threads than the container of this process has CPU time for.

    By itself it takes one for each CPU that the process may run on, and knows of no quota.
    """
    if (quota := cpu_quota()) is not None:
        stream.codec_context.thread_count = quota


@contextmanager
def as_video_error(context: str) -> Iterator[None]:
    """Turns errors of FFmpeg's into a :class:`VideoError` whose message begins with ``context``."""
    av = import_av()
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{context}: {getattr(error, 'strerror', None) or error}") from error


class RisingStamps:
    """The time stamps of one stream, in its unit, repaired such that each is above the last."""

    def __init__(self) -> None:
        self.repaired = 0
        """The number of stamps that did not rise."""
        self._last: int | None = None
        self._shift = 0

    def next(self, stamp: int, *, step: int) -> int:
        """``stamp``, or a later one where it does not rise. ``step``: the usual distance of two, at least 1.

        A stamp that comes again is put right after the last one. Where the clock jumps back, as in files
        that were joined, this stamp and all later ones go on from the last one.
        """
        shifted = stamp + self._shift
        if self._last is not None and shifted <= self._last:
            self.repaired += 1
            if self._last - shifted < 2 * step:
                shifted = self._last + 1
            else:
                self._shift += self._last + step - shifted
                shifted = self._last + step
        self._last = shifted
        return shifted
