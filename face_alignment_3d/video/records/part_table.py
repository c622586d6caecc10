"""A CSV that is written row by row and appears when it is complete."""

import csv
from collections.abc import Sequence
from pathlib import Path

from face_alignment_3d.video.part_file import PartFile


class PartTable:
    """Rows under ``columns``, in UTF-8."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._part = PartFile(path)
        self._file = self._part.path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, row: Sequence[object]) -> None:
        """Appends a row."""
        self._writer.writerow(row)

    def finish(self) -> Path:
        """Puts the file in its place, which is returned."""
        self._file.close()
        return self._part.finish()

    def discard(self) -> None:
        """Removes what was written, unless it is finished."""
        self._part.discard(self._file)
