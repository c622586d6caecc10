"""Writing a file whole or not at all."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


def write_atomically(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path`` through a temporary file in the same folder; no reader ever sees a part.

    Raises OSError, which names ``path``, when the folder is missing or cannot be written to, or the disk is
    full; nothing is left behind then.
    """
    # A short name of its own: that of ``path`` may be as long as names may be.
    temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with naming(path):
        try:
            with temporary.open("xb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """For ``with`` blocks that write a file: their OSError names ``path``.

    That of a full disk names no file by itself, that of a hidden file one that the user does not know.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def remove_leftovers(folder: Path, *, older_than: float) -> None:
    """Removes temporary files of :func:`write_atomically` in ``folder``, which killed processes leave behind.

    Those written to within the last ``older_than`` seconds stay: their process may be alive. For folders that
    nobody else writes to.
    """
    for temporary in folder.glob(".*-*.tmp"):
        with suppress(OSError):
            if time.time() - temporary.lstat().st_mtime > older_than:
                temporary.unlink()


class PartFile:
    """A hidden file in ``target``'s folder that is written bit by bit.

    :meth:`finish` gives it the target's name, :meth:`discard` removes it.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.part")

    def finish(self, target: Path | None = None) -> Path:
        """Renames the written file, which must be closed, to the target, and returns that.

        Until then the target is as it was. The argument ``target``, a file in the same folder, is for names
        that are known only at the end.
        """
        target = self.target if target is None else target
        with naming(target):
            with self.path.open("rb") as handle:
                os.fsync(handle.fileno())
            return self.path.replace(target)

    def discard(self, file: IO[str] | IO[bytes] | None = None) -> None:
        """Closes ``file`` and removes what was written; nothing where it is finished."""
        try:
            if file is not None:
                file.close()
        except OSError:
            pass  # A full disk: what it did not take is thrown away.
        finally:
            self.path.unlink(missing_ok=True)
