"""A file that is written bit by bit and appears when it is complete."""

import os
from pathlib import Path


class PartFile:
    """A temporary file beside ``target``; :meth:`finish` puts it in its place, :meth:`discard` removes it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")

    def finish(self) -> None:
        """Makes the written file the target, which until then is as it was. It must be closed."""
        with self.path.open("rb") as handle:
            os.fsync(handle.fileno())
        self.path.replace(self.target)

    def discard(self) -> None:
        """Removes what was written; nothing where it is finished."""
        self.path.unlink(missing_ok=True)
