"""One process at a time, by a lock that the operating system drops when its owner dies."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def exclusive(path: Path, *, timeout: float, poll: float = 0.1) -> Iterator[None]:
    """Holds the lock at ``path``, waiting for it up to ``timeout`` seconds; threads exclude each other too.

    The file stays when the lock is released: removing it would let a third process lock a new file while a
    second one still waits on the removed one. A killed owner leaves no stale lock, as the file's existence
    means nothing.

    Raises TimeoutError when others hold the lock for too long, and OSError when the file cannot be made or
    the file system knows no locks.
    """
    with path.open("ab") as handle:
        deadline = time.monotonic() + timeout
        while not _try_lock(handle.fileno()):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process has held {path} for {timeout:g} s")
            time.sleep(poll)
        try:
            yield
        finally:
            _unlock(handle.fileno())
