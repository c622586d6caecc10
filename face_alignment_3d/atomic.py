"""Writing a file whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path`` through a temporary file in the same folder; no reader ever sees a part.

    Raises OSError, which names ``path``, when the folder is missing or cannot be written to, or the disk is
    full; nothing is left behind then.
    """
    # A short name of its own: that of ``path`` may be as long as names may be.
    temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
