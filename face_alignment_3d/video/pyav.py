"""PyAV, which reads and writes videos, and is installed only where it is wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from face_alignment_3d.errors import VideoError
from face_alignment_3d.optional import optional_import


def import_av() -> ModuleType:
    """The module ``av``; raises :class:`BackendError` where it is not installed."""
    with optional_import("reading or writing a video"):
        import av
    module: ModuleType = av
    return module


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Turns errors of FFmpeg's into a :class:`VideoError` that begins with ``what``."""
    av = import_av()
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{what}: {getattr(error, 'strerror', None) or error}") from error
