"""The state of a run, as files in its destination: the manifest, and marks of tasks that are done."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from filelock import FileLock, Timeout

from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.schema import BATCH_SCHEMA, TABLES
from face_alignment_3d.errors import BatchError

_MANIFEST: Final = "manifest.json"
_DONE: Final = "_state/done"
_LOCK: Final = "_state/lock"

#: All folders of a destination.
FOLDERS: Final = ("", *TABLES, "_state", _DONE, "_state/attempts")


@dataclass(frozen=True)
class TaskCounts:
    """Results of one task or several, counted."""

    images: int = 0
    """Pictures and frames that could be read."""
    faces: int = 0
    faceless: int = 0
    """Images without a face."""
    failures: int = 0

    def __post_init__(self) -> None:
        if not all(type(number) is int and number >= 0 for number in vars(self).values()):
            raise ValueError("counts that are whole numbers are expected")

    def __add__(self, other: "TaskCounts") -> "TaskCounts":
        return TaskCounts(
            self.images + other.images,
            self.faces + other.faces,
            self.faceless + other.faceless,
            self.failures + other.failures,
        )


@dataclass(frozen=True)
class RunManifest:
    """Source and options, which must be the same for a run to go on, and the size of its plan."""

    source: str
    options: Mapping[str, Any]
    """Everything that the rows depend on: weights by their SHA-256, detector, thresholds, ..."""
    tasks: int
    task_size: int
    """Items of each task but the last."""
    items: int
    complete: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    """The fields of :class:`TaskCounts`, when it is complete."""

    def __post_init__(self) -> None:
        numbers = [self.tasks, self.task_size, self.items, *dict(self.counts).values()]
        if not isinstance(self.source, str) or not all(
            type(number) is int and number >= 0 for number in numbers
        ):
            raise ValueError(
                "a source that is a text, and whole numbers of tasks, items and counts are expected"
            )
        if self.task_size < 1 or self.tasks != -(-self.items // self.task_size):
            raise ValueError("tasks of the given size for all items are expected")
        if not isinstance(self.complete, bool) or not isinstance(self.options, Mapping):
            raise ValueError("options and the mark of being complete are expected")

    def items_of(self, task: int) -> int:
        """The number of items of a task."""
        return min(self.task_size, self.items - task * self.task_size)

    def write(self, destination: Destination) -> None:
        """Puts it into the destination."""
        content = {"schema": BATCH_SCHEMA, **asdict(self)}
        destination.write(_MANIFEST, (json.dumps(content, indent=2) + "\n").encode())

    def differing(self, source: str, options: Mapping[str, Any]) -> list[str]:
        """The settings that differ from those of this run, each with both values."""
        old = {"source": self.source, **self.options}
        new = {"source": source, **options}
        return [
            f"{key} was {_text(old.get(key))}, now {_text(new.get(key))}"
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        ]

    def require_same(self, source: str, options: Mapping[str, Any], destination: str) -> None:
        """Raises :class:`BatchError`, which names what differs, unless the run would be the same."""
        if texts := self.differing(source, options):
            raise BatchError(
                f"{destination} has results of another run, which cannot be mixed with these: "
                f"{'; '.join(texts)}. Choose another destination, or go on with what was chosen then"
            )


def _text(value: object) -> str:
    return json.dumps(value)


def read_manifest(destination: Destination) -> RunManifest | None:
    """The manifest of a destination; None where no run has begun.

    Raises :class:`BatchError` for a folder with other things in it, and for a manifest of another version.
    """
    names = destination.names()
    if _MANIFEST not in names:
        if others := sorted(name for name in names if name != "_state" and not name.startswith(".")):
            raise BatchError(
                f"the destination {destination.url} has other files, such as {others[0]}, and no "
                "manifest.json; choose a new or an empty folder"
            )
        return None
    try:
        content = json.loads(destination.read(_MANIFEST))
        if content.pop("schema") == BATCH_SCHEMA:
            return RunManifest(**content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BatchError(
            f"manifest.json in {destination.url} is not one of a batch: {type(error).__name__}: "
            f"{str(error)[:200]}; choose a new or an empty folder"
        ) from error
    raise BatchError(
        f"{destination.url} is of another version of batches than {BATCH_SCHEMA}; choose another "
        "destination, or the version of face-alignment-3d that began it"
    )


def has_shards(destination: Destination) -> bool:
    """True once a task has written something, be it done or not."""
    return any(destination.sizes(table) for table in TABLES)


def abandon_plan(destination: Destination) -> None:
    """Takes away the manifest of a run that has written nothing, so that another may be planned."""
    destination.remove(_MANIFEST)


def shard_name(table: str, task: int) -> str:
    """The file of a task's rows in ``table``."""
    return f"{table}/{_part(task)}.parquet"


def mark_done(destination: Destination, task: int, counts: TaskCounts, sizes: Mapping[str, int]) -> None:
    """Says that a task's shards are there. ``sizes``: table -> bytes of its shard."""
    content = {"counts": asdict(counts), "bytes": dict(sizes)}
    destination.write(f"{_DONE}/{_part(task)}.json", json.dumps(content).encode())


def done_tasks(destination: Destination) -> dict[int, TaskCounts]:
    """The tasks that are done: those that were marked, and whose shards are there in their full size.

    Marks that are damaged do not count.
    """
    shards = {table: destination.sizes(table) for table in TABLES}
    names = [name for name in destination.sizes(_DONE) if name.endswith(".json")]
    done = {}
    for path, content in destination.read_all([f"{_DONE}/{name}" for name in names]).items():
        part = path.rpartition("/")[2].removesuffix(".json")
        number = part.removeprefix("part-")
        if number.isdecimal() and _part(int(number)) == part:
            sizes = {table: found.get(f"{part}.parquet") for table, found in shards.items()}
            if (counts := _marked(content, sizes)) is not None:
                done[int(number)] = counts
    return done


def is_done(destination: Destination, task: int) -> TaskCounts | None:
    """The counts of a task that is done, in the sense of :func:`done_tasks`, else None."""
    try:
        content = destination.read(f"{_DONE}/{_part(task)}.json")
    except FileNotFoundError:
        return None
    return _marked(content, {table: destination.size(shard_name(table, task)) for table in TABLES})


def _marked(content: bytes, sizes: Mapping[str, int | None]) -> TaskCounts | None:
    """The counts in a mark, unless it is damaged or shards have other ``sizes``; table -> bytes, or None."""
    try:
        mark = json.loads(content)
        return TaskCounts(**mark["counts"]) if mark["bytes"] == sizes else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def forget(destination: Destination, tasks: Iterable[int]) -> None:
    """Has tasks done again."""
    for task in tasks:
        destination.remove(f"{_DONE}/{_part(task)}.json")


@contextmanager
def locked(destination: Destination) -> Iterator[None]:
    """Keeps other processes away from a destination on this machine's file systems.

    Raises :class:`BatchError` where another process works on it.
    """
    if destination.local is None:
        yield
        return
    file = destination.local / _LOCK
    file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(file, timeout=0))
        except Timeout as error:
            raise BatchError(
                f"another process works on {destination.url}; wait for it, or stop it"
            ) from error
        yield


def _part(task: int) -> str:
    return f"part-{task:06}"
