"""A file that is written bit by bit and appears when it is complete."""

import os
from pathlib import Path
from typing import IO


class PartFile:
    """A temporary file beside ``target``; :meth:`finish` puts it in its place, :meth:`discard` removes it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")

    def finish(self, target: Path | None = None) -> Path:
        """Makes the written file, which must be closed, the target, which until then is as it was.

        Returns the target. ``target``, in the same folder, is for names that are known only at the end.
        """
        with self.path.open("rb") as handle:
            os.fsync(handle.fileno())
        return self.path.replace(self.target if target is None else target)

    def discard(self, file: IO[str] | IO[bytes] | None = None) -> None:
        """Closes ``file`` and removes what was written; nothing where it is finished."""
        try:
            if file is not None:
                file.close()
        except OSError:
            pass  # What a full disk did not take is thrown away.
        finally:
            self.path.unlink(missing_ok=True)
