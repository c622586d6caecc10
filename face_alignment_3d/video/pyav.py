"""PyAV, which reads and writes videos, and is installed only where it is wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from face_alignment_3d.errors import BackendError, VideoError


def import_av() -> ModuleType:
    """The module ``av``; raises :class:`BackendError` where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise BackendError(
            f"videos need PyAV, which cannot be imported here ({error}); "
            "pip install 'face-alignment-3d[video]'"
        ) from error
    return av


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Turns errors of FFmpeg's into a :class:`VideoError` that begins with ``what``."""
    av = import_av()
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{what}: {getattr(error, 'strerror', None) or error}") from error
