"""Work on a stream of items in threads: in order, with bounded memory, and without stopping at a failure."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def overlapped(
    items: Iterable[_Item], work: Callable[[_Item], _Result], *, prefetch: int, workers: int
) -> Generator[list[tuple[_Item, _Result | Exception]], None, None]:
    """Groups of (item, ``work(item)`` or the exception that it raised), in the order of ``items``.

    A group has at least one item and as many more as are done by then, so that the caller can handle them
    together; while it does, ``workers`` threads go on with the next ones. ``items`` is read in the caller's
    thread, and at most ``prefetch`` of them are in work or waiting for the caller. An exception of ``items``
    itself comes after the results of what it gave before. Leaving the iterator early cancels what has not
    begun.
    """
    queue = _Queue(iter(items), work, prefetch)
    with ThreadPoolExecutor(workers) as pool:
        try:
            queue.fill(pool)
            while group := queue.take():
                queue.fill(pool)
                yield group
            if queue.failure is not None:
                raise queue.failure
        finally:
            pool.shutdown(cancel_futures=True)


class _Queue(Generic[_Item, _Result]):
    """The items in work, oldest first."""

    def __init__(self, source: Iterator[_Item], work: Callable[[_Item], _Result], most: int) -> None:
        self.failure: Exception | None = None
        self._source, self._work, self._most = source, work, most
        self._waiting: deque[tuple[_Item, Future[_Result]]] = deque()

    def fill(self, pool: ThreadPoolExecutor) -> None:
        if self.failure is not None:
            return
        try:
            for item in islice(self._source, self._most - len(self._waiting)):
                self._waiting.append((item, pool.submit(self._work, item)))
        except Exception as error:
            self.failure = error

    def take(self) -> list[tuple[_Item, _Result | Exception]]:
        """The oldest, waited for, and those after it that are done; empty when nothing is left."""
        group: list[tuple[_Item, _Result | Exception]] = []
        while self._waiting and (not group or self._waiting[0][1].done()):
            item, future = self._waiting.popleft()
            try:
                group.append((item, future.result()))
            except Exception as error:
                group.append((item, error))
        return group
