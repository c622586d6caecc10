"""The rows of one task, in a Parquet file for each table."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pyarrow.parquet as pq

from face_alignment_3d.batch.decoding import DecodedImage
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.schema import TABLES, Provenance, face_rows, table_of
from face_alignment_3d.batch.state import TaskCounts, mark_done, shard_name
from face_alignment_3d.face import Face3D

#: Rows that are held in memory before they go to the file.
_ROWS: Final = 1024
#: Letters of a reason that are kept.
_LONGEST_REASON: Final = 2000


class Shard:
    """The files of a task, a context manager: they are there when the block has ended without an exception.

    Until then, and for good where it raises, the destination is as it was.
    """

    def __init__(self, destination: Destination, task: int, provenance: Provenance) -> None:
        self._destination, self._task, self._provenance = destination, task, provenance
        self._rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._paths: dict[str, Path] = {}
        self._parts = ExitStack()
        self.counts = TaskCounts()
        """Counts of what was added."""

    def __enter__(self) -> "Shard":
        with ExitStack() as stack:
            for table, schema in TABLES.items():
                path = stack.enter_context(self._destination.part(shard_name(table, self._task)))
                writer = pq.ParquetWriter(path, schema, compression="zstd")
                self._paths[table], self._writers[table] = path, stack.enter_context(writer)
            self._parts = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._parts.__exit__(kind, error, trace)
            return
        sizes = {}
        with self._parts:
            for table, writer in self._writers.items():
                self._flush(table)
                writer.close()
                sizes[table] = self._paths[table].stat().st_size
        mark_done(self._destination, self._task, self.counts, sizes)

    def add(self, image: DecodedImage, outcome: Sequence[Face3D] | Exception) -> None:
        """Adds an image, with its faces or the exception that it failed with."""
        if isinstance(outcome, Exception):
            self.add_failure(image.key, outcome)
            return
        height, width = image.size
        row = {"image": image.key, "frame": image.frame, "time": image.time, "height": height, "width": width}
        self._append("images", [{**row, "faces": len(outcome)}])
        self._append("faces", face_rows(image.key, outcome, self._provenance))
        self.counts += TaskCounts(1, len(outcome), int(not outcome))

    def add_failure(self, key: str, error: Exception) -> None:
        """Adds an image that failed, with its exception."""
        reason = str(error) or type(error).__name__
        reason = reason[:_LONGEST_REASON].encode("utf-8", "backslashreplace").decode("utf-8")
        self._append("failures", [{"image": key, "error": type(error).__name__, "reason": reason}])
        self.counts += TaskCounts(failures=1)

    def _append(self, table: str, rows: list[dict[str, Any]]) -> None:
        self._rows[table] += rows
        if len(self._rows[table]) >= _ROWS:
            self._flush(table)

    def _flush(self, table: str) -> None:
        if rows := self._rows[table]:
            self._writers[table].write_table(table_of(rows, TABLES[table]))
            rows.clear()
