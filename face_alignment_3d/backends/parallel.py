"""Sharing work out over Python threads, for functions that release the global interpreter lock."""

from collections import deque
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def shared_out(work: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int) -> list[_Result]:
    """The results of ``work`` on each of ``items``, in their order, computed by ``threads`` threads.

    The caller's thread is one of them; the others exist for the length of this call. A thread that is done
    with an item takes the next. Once an item fails no other is begun, and its exception is raised when all
    threads have ended.
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
    """Splits ``count`` items, a multiple of ``threads``, into parts that give each thread as much work.

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
