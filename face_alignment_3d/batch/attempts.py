"""Tasks in which processes die: tried again, then image by image, then without the image that is at fault."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.errors import BatchError

_FOLDER: Final = "_state/attempts"

#: Attempts of a task before it is done image by image, with care.
_CARELESS: Final = 2
#: Deaths at one image, with care, from which on it is at fault. One may be somebody else's doing.
_DEATHS: Final = 2
#: Attempts of a task before the run is given up.
_MOST: Final = 100

FATAL: Final = (
    f"{_DEATHS} processes ended while they worked on this image: out of memory, or a decoder that crashed"
)


@dataclass(frozen=True)
class Care:
    """The way to do a task in which processes died: image by image, without some."""

    before: Callable[[str], None]
    """Called with an item's key before it is worked on."""
    fatal: frozenset[str]
    """Keys of items that are not tried again."""


@dataclass
class _Record:
    """The attempts of a task so far."""

    run: str
    begun: int = 0
    at: str | None = None
    """The item that an attempt with care works on."""
    deaths: dict[str, int] = field(default_factory=dict)
    """Key -> deaths of attempts with care at that item."""

    def __post_init__(self) -> None:
        numbers = [self.begun, *dict(self.deaths).values()]
        if not all(type(number) is int for number in numbers) or not isinstance(self.at, str | None):
            raise ValueError("whole numbers and the key of an item are expected")


class Attempts:
    """Notes in the destination, which outlive processes and machines; ``run`` tells this run from others.

    Other runs may have been stopped rather than died, so what they noted does not count.
    """

    def __init__(self, destination: Destination, run: str) -> None:
        self._destination, self._run = destination, run

    def begin(self, task: int) -> Care | None:
        """Notes an attempt; with what care it is to be made, None for none.

        Raises :class:`BatchError` where too many processes have died in the task.
        """
        record = self._read(task)
        if record.begun >= _MOST:
            raise BatchError(
                f"task {task} cannot be finished: {record.begun} processes ended in it; see the "
                "system's log, and try fewer workers if memory ran out"
            )
        if record.at is not None:
            record.deaths[record.at] = record.deaths.get(record.at, 0) + 1
            record.at = None
        record.begun += 1
        self._write(task, record)
        if record.begun <= _CARELESS:
            return None

        def before(key: str) -> None:
            record.at = key
            self._write(task, record)

        return Care(before, frozenset(key for key, count in record.deaths.items() if count >= _DEATHS))

    def end(self, task: int) -> None:
        """The task is done."""
        self._destination.remove(_file(task))

    def _read(self, task: int) -> _Record:
        try:
            record = _Record(**json.loads(self._destination.read(_file(task))))
        except (FileNotFoundError, ValueError, TypeError, RecursionError):
            return _Record(self._run)  # None yet, or a damaged one.
        return record if record.run == self._run else _Record(self._run)

    def _write(self, task: int, record: _Record) -> None:
        self._destination.write(_file(task), json.dumps(vars(record)).encode())


def forget_attempts(destination: Destination) -> None:
    """Removes the notes that killed processes have left, when all is done."""
    for name in destination.sizes(_FOLDER):
        destination.remove(f"{_FOLDER}/{name}")


def _file(task: int) -> str:
    return f"{_FOLDER}/part-{task:06}.json"
