"""A CSV file that is written row by row."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from face_alignment_3d.atomic import PartFile, naming


class TableFile:
    r"""Rows under ``columns`` in UTF-8, at ``path`` when :meth:`finish` is called.

    A context manager that removes an unfinished file. Bytes of a name that are not UTF-8 are written as
    escapes, such as ``\udce9``. Raises OSError when the folder is missing or cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str], columns: Sequence[str]) -> None:
        self._part = PartFile(Path(path))
        with naming(self._part.target):
            self._file = self._part.path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(columns)

    def __enter__(self) -> "TableFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def add(self, row: Sequence[object]) -> None:
        """Appends a row."""
        with naming(self._part.target):
            self._writer.writerow(row)

    def finish(self) -> Path:
        """Gives the file its name, which is returned."""
        with naming(self._part.target):
            self._file.close()
        return self._part.finish()

    def discard(self) -> None:
        """Removes what was written, unless it is finished."""
        self._part.discard(self._file)
