"""Running tasks in processes of one machine, some of which may die."""

import multiprocessing
import signal
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

from face_alignment_3d.batch.allocator import keep_freed_memory
from face_alignment_3d.batch.progress import Advanced, Event, TaskDone
from face_alignment_3d.batch.task_worker import BatchJob, TaskWorker
from face_alignment_3d.errors import BatchError, ImageRangeWarning

#: Deaths of processes that have not done anything, one after the other, before the run is given up.
_MOST_EARLY_DEATHS: Final = 20
#: Seconds that a process gets to end by itself.
_PATIENCE: Final = 10.0


class _StoppedError(Exception):
    """The parent no longer needs the results of this process."""


@dataclass
class _Child:
    process: BaseProcess
    pipe: Connection
    task: int | None = None
    images: int = 0
    """Of the task, so far."""


def run_in_processes(
    job: BatchJob,
    tasks: Sequence[int],
    *,
    processes: int,
    threads: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Does ``tasks`` in ``processes`` processes with ``threads`` threads each; says what happens meanwhile.

    Ends early when ``should_stop`` says so, which is asked several times a second. A task in which a process
    dies, out of memory, say, is done again: see :class:`~.attempts.Attempts`. Leaving the iterator early ends
    the processes; unfinished tasks leave nothing behind.

    Raises what a process raised that is not about one image: weights that cannot be loaded, a full disk; and
    :class:`BatchError` where processes keep dying.
    """
    pool = _Pool(job, min(processes, len(tasks)), threads, tasks)
    try:
        while pool.is_busy and not should_stop():
            yield from pool.events()
    finally:
        pool.close()


class _Pool:
    def __init__(self, job: BatchJob, processes: int, threads: int, tasks: Sequence[int]) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._job, self._threads = job, threads
        self._waiting = deque(tasks)
        self._children = {index: self._start(index) for index in range(processes)}
        self._early_deaths = 0

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting) or any(child.task is not None for child in self._children.values())

    def events(self) -> Iterator[Event]:
        """The events since the last call; waits a moment for one."""
        for child in self._children.values():
            if child.task is None and self._waiting:
                self._give(child, self._waiting.popleft())
        by_handle: dict[Any, int] = {child.pipe: index for index, child in self._children.items()}
        for handle in wait(list(by_handle), timeout=0.2):
            index = by_handle[handle]
            child = self._children[index]
            try:
                # All that a dead process had said is read first: it may have been done.
                yield from self._heard(child, child.pipe.recv())
            except (EOFError, ConnectionResetError):
                yield from self._mourn(index, child)

    def close(self) -> None:
        for child in self._children.values():
            child.pipe.close()
        for child in self._children.values():
            child.process.join(_PATIENCE)
            if child.process.is_alive():
                child.process.kill()
                child.process.join()

    def _start(self, index: int) -> _Child:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(self._job, self._threads, index, theirs), name=f"batch-{index}", daemon=True
        )
        process.start()
        theirs.close()
        return _Child(process, ours)

    def _give(self, child: _Child, task: int) -> None:
        child.task, child.images = task, 0
        with suppress(OSError):  # It has died, which the next reading tells.
            child.pipe.send(task)

    def _heard(self, child: _Child, message: tuple[str, Any]) -> Iterator[Event]:
        match message:
            case ("images", count):
                child.images += count
                yield Advanced(count)
            case ("done", counts):
                self._early_deaths = 0
                if child.task is not None:
                    task, child.task = child.task, None
                    yield TaskDone(task, counts)
            case ("raised", error):
                raise error

    def _mourn(self, index: int, child: _Child) -> Iterator[Event]:
        """Replaces a process that died, and puts its task back."""
        child.process.join()
        child.pipe.close()
        how = _cause(child.process.exitcode)
        self._early_deaths += child.images == 0
        if child.task is not None:
            self._waiting.appendleft(child.task)
            yield Advanced(-child.images)
        # Processes that die before they have done anything would be started for ever.
        if self._early_deaths > _MOST_EARLY_DEATHS:
            raise BatchError(f"processes end before they have done anything: the last one {how}")
        self._children[index] = self._start(index)


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit code {code}"


def _work(job: BatchJob, threads: int, index: int, pipe: Connection) -> None:
    """The main loop of a process: does tasks until the pipe is closed."""
    # Ctrl-C goes to all processes of a terminal; the parent decides.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    keep_freed_memory()
    # Nobody reads a line an image.
    warnings.simplefilter("ignore", ImageRangeWarning)
    try:
        worker = TaskWorker(job, threads=threads, index=index)
        while True:
            _say(pipe, "done", worker.run(pipe.recv(), progress=partial(_say, pipe, "images")))
    except (_StoppedError, EOFError):
        pass
    except Exception as error:
        try:
            pipe.send(("raised", error))
        except OSError:
            pass
        except Exception:  # It cannot be pickled.
            pipe.send(("raised", BatchError(f"{type(error).__name__}: {error}")))


def _say(pipe: Connection, what: str, value: object) -> None:
    """Sends an event; raises _StoppedError when the parent has closed the pipe."""
    try:
        pipe.send((what, value))
    except OSError as error:
        raise _StoppedError from error
