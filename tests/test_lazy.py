"""Values made at first use: once, whatever asks, forks or copies."""

import copy
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from face_alignment_3d import lazy
from face_alignment_3d.lazy import Lazy, beside_fork

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def _count(calls: list[int]) -> int:
    calls.append(threading.get_ident())
    time.sleep(0.01)
    return len(calls)


def _seven() -> int:
    return 7


def test_it_is_made_once_at_the_first_call() -> None:
    calls: list[int] = []
    value = Lazy(partial(_count, calls))
    assert not calls
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: value(), range(8))) == [1] * 8
    assert len(calls) == 1


def test_a_failure_is_raised_and_tried_again() -> None:
    outcomes = iter([OSError("no"), 3])

    def make() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    value = Lazy(make)
    with pytest.raises(OSError, match="no"):
        value()
    assert value() == value() == 3


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_make_their_own(duplicate: object) -> None:
    value = Lazy(_seven, survives_fork=False)
    value()
    twin = duplicate(value)  # type: ignore[operator]
    assert twin._made == []
    assert twin._survives_fork is False
    assert twin() == 7


def _in_fork(work: object) -> bytes:
    """The result of ``work`` in a fork, as text; ends a child that hangs."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, str(work()).encode())  # type: ignore[operator]
        finally:
            os._exit(0)
    os.close(write)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
    with os.fdopen(read, "rb") as pipe:
        return pipe.read()


@needs_fork
def test_forks_keep_it_or_make_their_own() -> None:
    def process() -> int:
        return os.getpid()

    kept, renewed = Lazy(process), Lazy(process, survives_fork=False)
    here = (kept(), renewed())
    assert here == (os.getpid(), os.getpid())
    said = _in_fork(lambda: (kept() == here[0], renewed() == os.getpid()))
    assert said == b"(True, True)"


@needs_fork
def test_a_fork_while_another_thread_makes_it_does_not_wait_for_that_thread() -> None:
    begun, go_on = threading.Event(), threading.Event()
    here = os.getpid()

    def make() -> str:
        if os.getpid() == here:
            begun.set()
            go_on.wait(30)
        return "made"

    value = Lazy(make)
    other = threading.Thread(target=value)
    other.start()
    begun.wait(30)
    said = _in_fork(value)
    go_on.set()
    other.join()
    assert said == b"made"


def test_work_is_called_as_it_is_outside_of_forks() -> None:
    assert beside_fork(threading.get_ident) == threading.get_ident()


def test_work_of_a_forks_main_thread_gets_a_new_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "_IMPORTED_IN", -1)
    assert beside_fork(threading.get_ident) != threading.get_ident()
    with pytest.raises(KeyError, match="of the work"):
        beside_fork(partial({}.__getitem__, "of the work"))
    with ThreadPoolExecutor(1) as pool:  # Threads of the fork are new already.
        assert pool.submit(lambda: beside_fork(threading.get_ident) == threading.get_ident()).result()
