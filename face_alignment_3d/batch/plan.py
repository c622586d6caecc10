"""The plan of a batch: the items of each task. Written once, so that a resumed run has the same tasks."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.items import Item
from face_alignment_3d.errors import BatchError

#: Items of a task at most, and at least where the size is chosen by the number of items.
_LARGEST_TASK: Final = 1000
_SMALLEST_TASK: Final = 16
#: So many tasks are wanted of few items, for several workers to end at about the same time.
_WANTED_TASKS: Final = 64
#: Tasks in a file of the plan; each is a row group.
_TASKS_A_FILE: Final = 1000

_SCHEMA: Final = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("path", pa.binary(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("member", pa.binary()),
        pa.field("offset", pa.int64()),
        pa.field("version", pa.string()),
        pa.field("problem", pa.string()),
    ]
)


class PlanSize(NamedTuple):
    """The size of a plan."""

    tasks: int
    task_size: int
    """Items of each task but the last."""
    items: int


def write_plan(items: Iterator[Item], destination: Destination, *, task_size: int | None) -> PlanSize:
    """Writes the plan and returns its size.

    None lets the number of items choose ``task_size``, up to 1,000. Raises :class:`BatchError` where there
    are no items.
    """
    first = list(islice(items, _WANTED_TASKS * _LARGEST_TASK + 1))
    if not first:
        raise BatchError(
            "the source has no pictures; expected names that end in .jpg, .png, ... or archives of them"
        )
    if task_size is None:
        task_size = min(_LARGEST_TASK, max(_SMALLEST_TASK, -(-len(first) // _WANTED_TASKS)))
    tasks = count = 0
    stream = chain(first, items)
    while several := list(islice(stream, task_size * _TASKS_A_FILE)):
        with (
            destination.part(_file(tasks)) as path,
            pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer,
        ):
            for start in range(0, len(several), task_size):
                writer.write_table(_table(several[start : start + task_size]), row_group_size=task_size)
                tasks += 1
        count += len(several)
    return PlanSize(tasks, task_size, count)


class Plan:
    """Reads a plan's tasks."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._open: tuple[str, pq.ParquetFile] | None = None

    def items(self, task: int) -> list[Item]:
        """The items of the ``task``-th task, in their order.

        Raises :class:`BatchError` where the plan is missing or damaged.
        """
        with self._explained():
            rows = self._file_of(task).read_row_group(task % _TASKS_A_FILE).to_pylist()
        return [_item(row) for row in rows]

    def require(self, tasks: int) -> None:
        """Raises :class:`BatchError` unless so many tasks are in the plan, by its last file."""
        with self._explained():
            found = self._file_of(tasks - 1).num_row_groups
        if found != (tasks - 1) % _TASKS_A_FILE + 1:
            raise self._damaged("it has another number of tasks than manifest.json")

    def _file_of(self, task: int) -> pq.ParquetFile:
        name = _file(task)
        if self._open is None or self._open[0] != name:
            opened = pq.ParquetFile(self._destination.open(name))
            if not opened.schema_arrow.equals(_SCHEMA):
                raise self._damaged("it has other columns")
            self._open = name, opened
        return self._open[1]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            # What is wrong with the content has no number; a network or a disk that fails has.
            if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
                raise
            raise self._damaged(str(error)[:200]) from error

    def _damaged(self, reason: str) -> BatchError:
        return BatchError(
            f"the plan in {self._destination.url}/_state is damaged: {reason}; choose another destination"
        )


def _file(task: int) -> str:
    return f"_state/plan-{task // _TASKS_A_FILE:06}.parquet"


def _table(items: list[Item]) -> pa.Table:
    columns = [
        pa.array([_stored(getattr(item, field.name), field) for item in items], field.type)
        for field in _SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=_SCHEMA)


def _stored(value: Any, field: pa.Field) -> Any:
    """Names of files are bytes, since they need not be UTF-8."""
    return (
        value.encode("utf-8", "surrogateescape") if field.type == pa.binary() and value is not None else value
    )


def _item(row: dict[str, Any]) -> Item:
    names = {
        name: value.decode("utf-8", "surrogateescape")
        for name, value in row.items()
        if isinstance(value, bytes)
    }
    return Item(**row | names)
