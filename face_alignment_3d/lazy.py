"""Values that are made at their first use, and made anew in copies and, if need be, in forks."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread, current_thread, main_thread
from typing import Any, Final, Generic, TypeVar
from weakref import WeakSet

_Value = TypeVar("_Value")

#: The process that imported this. A process with another number was forked from it, or from a fork of it.
_IMPORTED_IN: Final = os.getpid()


class Lazy(Generic[_Value]):
    """The value that ``make`` returns; the first call makes it, from whichever thread, and it is kept.

    A fork keeps it as well, unless ``survives_fork`` is False: then the child makes its own. Pickles and deep
    copies hold ``make`` alone, which must be picklable, so that the copy makes its own. An exception of
    ``make`` is raised, and the next call tries again.
    """

    def __init__(self, make: Callable[[], _Value], *, survives_fork: bool = True) -> None:
        self._make = make
        self._survives_fork = survives_fork
        self._forget()
        _ALIVE.add(self)

    def __call__(self) -> _Value:
        """The value. Another thread that asks meanwhile waits for it."""
        with self._lock:
            if not self._made:
                self._made.append(beside_fork(self._make))
            return self._made[0]

    def _forget(self) -> None:
        self._made: list[_Value] = []
        self._lock = Lock()

    def _after_fork(self) -> None:
        if self._survives_fork:
            self._lock = Lock()  # A thread that held it does not exist in the child.
        else:
            _OF_PARENTS.append(self._made)
            self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {"_make": self._make, "_survives_fork": self._survives_fork}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_make"], survives_fork=state["_survives_fork"])  # type: ignore[misc]


_ALIVE: Final[WeakSet[Lazy[Any]]] = WeakSet()
#: Values that did not survive a fork. To take them apart in the child would wait for threads of the parent.
_OF_PARENTS: Final[list[list[Any]]] = []


def _after_fork_in_child() -> None:
    for value in _ALIVE:
        value._after_fork()


if hasattr(os, "register_at_fork"):  # Not on Windows, which cannot fork.
    os.register_at_fork(after_in_child=_after_fork_in_child)


def beside_fork(work: Callable[[], _Value]) -> _Value:
    """``work()``, called from a new thread where this is the main thread of a process that was forked.

    torch lets OpenMP start helper threads for a thread. In a fork they do not exist, and a thread that had
    them waits for them forever; a new thread gets new ones. In a process that was not forked this is a plain
    call.
    """
    if os.getpid() == _IMPORTED_IN or current_thread() is not main_thread():
        return work()
    outcome: Future[_Value] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, name="beside-fork", daemon=True).start()
    return outcome.result()
