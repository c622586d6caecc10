"""Writing a file whole or not at all."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path`` through a temporary file in the same folder; no reader ever sees a part.

    Raises OSError, with the path in it, when the folder is missing or cannot be written to or the disk is
    full; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            # Writing fails without a name, and the temporary one would tell nobody anything.
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise
