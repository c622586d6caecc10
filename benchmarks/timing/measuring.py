"""Each task by all contenders that have it, in turns."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from timing.contenders import Contender
from timing.photos import Photo
from timing.spread import Spread
from timing.turns import Effort, take_turns
from timing.worker import Worker, WorkerError

_STARTED_CALLS = 10
_DEFAULT_SIDE = 640


@dataclass(frozen=True)
class Measurement:
    """Milliseconds of one task by one contender, per face where the task is a batch."""

    task: str
    contender: str
    place: str
    spread: Spread
    parts: dict[str, Spread] = field(default_factory=dict)
    """Of the same calls, such as "detection"."""
    said: dict[str, object] = field(default_factory=dict)
    """The result of the call, such as the number of "faces" found."""


@dataclass(frozen=True)
class Start:
    """From the start of a process to its first result."""

    what: str
    contender: str
    place: str
    seconds: Spread
    megabytes: float
    """Largest resident memory after ten more results, median of the processes."""
    torch: bool
    """True if the process has imported torch."""


@dataclass(frozen=True)
class Failure:
    """A task that a contender could not do, and its message."""

    task: str
    contender: str
    error: str


def measure_task(
    task: str,
    contenders: Sequence[Contender],
    photos: Mapping[int, Photo],
    effort: Effort,
    *,
    failed: Callable[[Failure], None],
    before: Callable[[], None] = lambda: None,
) -> list[Measurement]:
    """``task`` by those of ``contenders`` that have it; ``failed`` is told of those that could not do it.

    Each turn begins with ``before``.
    """
    with contextlib.ExitStack() as stack:
        workers, said = {}, {}
        for contender in contenders:
            if task not in contender.tasks:
                continue
            worker = stack.enter_context(started(contender))
            try:
                name, details = request_of(task, photos)
                said[contender] = worker.prepare(name, **details)
            except WorkerError as error:
                failed(Failure(task, contender.name, str(error)))
                continue
            workers[contender] = worker
        by_name = {contender.name: worker for contender, worker in workers.items()}
        samples = take_turns(by_name, effort, before=before)
    faces = faces_of(task)
    return [
        Measurement(
            task,
            contender.label,
            contender.place,
            Spread.of(samples[contender.name].milliseconds, divide_by=faces),
            {part: Spread.of(values) for part, values in samples[contender.name].parts.items()},
            {key: value for key, value in said[contender].items() if key != "parts"},
        )
        for contender in workers
    ]


def measure_starts(
    cases: Sequence[tuple[str, str, Contender]],
    photos: Mapping[int, Photo],
    effort: Effort,
    *,
    failed: Callable[[Failure], None],
) -> list[Start]:
    """Starts processes in turns: ``cases`` are what is measured, the worker's task and the contender. A round
    that is not counted comes first, after which their files are in memory."""
    seconds: dict[int, list[float]] = {}
    told: dict[int, list[dict[str, object]]] = {}
    broken: set[int] = set()
    for turn in range(effort.starts + 1):
        for index, (what, task, contender) in enumerate(cases):
            if index in broken:
                continue
            try:
                taken, about = _start(task, contender, photos[_DEFAULT_SIDE])
            except WorkerError as error:
                broken.add(index)
                failed(Failure(what, contender.name, str(error)))
                continue
            if turn:
                seconds.setdefault(index, []).append(taken)
                told.setdefault(index, []).append(about)
    return [
        Start(
            what,
            contender.label,
            contender.place,
            Spread.of(seconds[index]),
            round(Spread.of([float(str(about["megabytes"])) for about in told[index]]).median, 1),
            any(bool(about["torch"]) for about in told[index]),
        )
        for index, (what, _, contender) in enumerate(cases)
        if index not in broken
    ]


def _start(task: str, contender: Contender, photo: Photo) -> tuple[float, dict[str, object]]:
    begin = time.perf_counter()
    with started(contender) as worker:
        said = worker.prepare(task, photo=str(photo.file), boxes=[photo.box], faces=1)
        seconds = time.perf_counter() - begin
        if said.get("faces") != 1:
            raise WorkerError(f"expected one face; it found {said.get('faces')}")
        worker.time(_STARTED_CALLS)
        return seconds, worker.about()


def started(contender: Contender) -> Worker:
    """The contender's process."""
    return Worker(contender.command, threads=contender.threads, environment=contender.environment)


def request_of(task: str, photos: Mapping[int, Photo]) -> tuple[str, dict[str, object]]:
    """The worker's name of a task, and what it has to know: "photo 250" is its "photo" with that photo.

    Tasks that are no photo's, such as arithmetic, go by their own name.
    """
    name, _, number = task.rpartition(" ")
    if name == "photo":
        photo = photos[int(number)]
    else:
        photo = photos[_DEFAULT_SIDE]
        if name != "batch":
            name = task
    return name, {"photo": str(photo.file), "boxes": [photo.box], "faces": faces_of(task)}


def faces_of(task: str) -> int:
    """The faces in one call."""
    name, _, number = task.rpartition(" ")
    return int(number) if name == "batch" else 1
