"""Order, bounds and failures of work on a stream."""

import threading
import time
from collections.abc import Iterator

import pytest

from face_alignment_3d.overlapping import overlapped


def _flat(groups: Iterator[list]) -> list:
    return [pair for group in groups for pair in group]


def test_order_is_kept_whatever_takes_longest() -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert _flat(overlapped(range(20), work, prefetch=6, workers=3)) == [(i, i * i) for i in range(20)]


def test_failures_are_results() -> None:
    pairs = _flat(overlapped([2, 0, 1], lambda item: 2 // item, prefetch=2, workers=2))
    assert [item for item, _ in pairs] == [2, 0, 1]
    assert isinstance(pairs[1][1], ZeroDivisionError)
    assert [pairs[0][1], pairs[2][1]] == [1, 2]


def test_no_more_than_ahead_are_taken_before_a_result_is_used() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    stream = overlapped(items(), lambda item: item, prefetch=4, workers=2)
    used = 0
    for group in stream:
        used += len(group)
        # The group in the caller's hands, and as many in work or waiting.
        assert len(taken) <= used + 4
    assert used == 100


def test_work_goes_on_while_the_caller_is_busy() -> None:
    second_began = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            second_began.set()
        return item

    stream = overlapped([0, 1], work, prefetch=1, workers=1)
    assert next(stream) == [(0, 0)]
    assert second_began.wait(5)
    assert _flat(stream) == [(1, 1)]


def test_an_error_of_the_source_comes_after_the_results_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the camera went away")

    stream = overlapped(items(), lambda item: item, prefetch=5, workers=1)
    seen: list = []
    while len(seen) < 2:
        seen += next(stream)
    assert seen == [(1, 1), (2, 2)]
    with pytest.raises(OSError, match="camera"):
        next(stream)


def test_leaving_early_starts_nothing_more_and_leaves_no_threads() -> None:
    before = threading.active_count()
    done: list[int] = []
    gate = threading.Event()

    def work(item: int) -> None:
        if item:
            gate.wait(5)
        done.append(item)

    stream = overlapped(range(50), work, prefetch=10, workers=1)
    next(stream)
    threading.Timer(0.05, gate.set).start()
    stream.close()
    assert len(done) <= 3
    time.sleep(0.1)
    assert threading.active_count() == before


def test_nothing() -> None:
    assert _flat(overlapped([], lambda item: item, prefetch=1, workers=1)) == []
