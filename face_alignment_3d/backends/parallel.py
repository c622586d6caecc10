"""Sharing work out over threads of Python, for work that lets go of Python's lock."""

from collections import deque
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def shared_out(work: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int) -> list[_Result]:
    """``work`` of each item, in the order of ``items``; the caller's thread is one of the ``threads``.

    A thread that is done with an item takes the next. The others exist for the length of this call. Once an
    item fails no other is begun, and its exception is raised when the threads have come to an end.
    """
    # Threads rather than an executor: executors refuse work as soon as the main thread has ended, while
    # threads of an application's own may go on.
    waiting = deque(enumerate(items))
    results: dict[int, _Result] = {}
    failures: list[BaseException] = []

    def take() -> None:
        while waiting:
            try:
                index, item = waiting.popleft()
            except IndexError:  # Another thread took the last.
                return
            try:
                results[index] = work(item)
            except BaseException as error:
                failures.append(error)
                waiting.clear()

    helpers = [Thread(target=take, name=f"shared-out-{i}") for i in range(min(threads, len(waiting)) - 1)]
    try:
        for helper in helpers:
            helper.start()
        take()
        for helper in helpers:
            helper.join()
    finally:
        waiting.clear()  # An interruption of the waiting, too, leaves nothing to begin.
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(results))]


def even_parts(count: int, *, threads: int, most: int) -> list[slice]:
    """``count`` items, a multiple of ``threads``, in parts that keep each thread as long at work.

    A part has at most ``most`` items; their sizes differ by at most one, and the larger come first.
    """
    per_thread = count // threads
    rounds = -(-per_thread // most)
    parts, start = [], 0
    for turn in range(rounds):
        size = per_thread // rounds + (turn < per_thread % rounds)
        for _ in range(threads):
            parts.append(slice(start, start + size))
            start += size
    return parts
