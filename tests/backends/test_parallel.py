"""Work that is shared out over threads: order, failures, and parts of even length."""

import subprocess
import sys
import threading
import time

import pytest

from face_alignment_3d.backends.parallel import even_parts, shared_out


def test_results_come_in_order_whatever_takes_longest() -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert shared_out(work, range(20), threads=3) == [item * item for item in range(20)]
    assert shared_out(work, range(2), threads=5) == [0, 1]
    assert shared_out(work, [], threads=2) == []


def test_all_threads_work_at_once_and_one_is_the_callers() -> None:
    together = threading.Barrier(3)

    def work(item: int) -> int:
        together.wait(timeout=10)  # Breaks unless three are here at a time.
        return threading.get_ident()

    before = threading.active_count()
    workers = shared_out(work, range(3), threads=3)
    assert len(set(workers)) == 3
    assert threading.get_ident() in workers
    assert threading.active_count() == before


def test_one_thread_is_the_callers_alone() -> None:
    assert set(shared_out(lambda _: threading.get_ident(), range(4), threads=1)) == {threading.get_ident()}


@pytest.mark.parametrize("in_caller", [True, False])
def test_a_failure_anywhere_is_raised_and_nothing_more_is_begun(in_caller: bool) -> None:
    caller = threading.get_ident()
    begun: list[int] = []
    failed = threading.Event()
    both_at_work = threading.Barrier(2)

    def work(item: int) -> None:
        begun.append(item)
        if item < 2:
            both_at_work.wait(timeout=10)
        if (threading.get_ident() == caller) == in_caller:
            failed.set()
            raise OSError(f"item {item} broke")
        failed.wait(10)
        time.sleep(0.05)  # The other one clears what waits.

    before = threading.active_count()
    with pytest.raises(OSError, match=r"item [01] broke"):
        shared_out(work, range(50), threads=2)
    assert sorted(begun) == [0, 1]
    assert threading.active_count() == before


def test_threads_that_outlive_the_main_one_go_on() -> None:
    code = """
import threading
from face_alignment_3d.backends.parallel import shared_out

def late():
    threading.main_thread().join()
    print(shared_out(abs, [-1, -2, -3], threads=2))

threading.Thread(target=late).start()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("[1, 2, 3]\n", 0), done.stderr


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("per_thread", [1, 2, 7, 8, 9, 17, 100])
def test_parts_are_even_and_cover_all(threads: int, per_thread: int) -> None:
    count = threads * per_thread
    parts = even_parts(count, threads=threads, most=8)
    assert [i for part in parts for i in range(count)[part]] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) <= 8
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    # Taken turn by turn, each thread has as many items.
    assert {sum(sizes[thread::threads]) for thread in range(threads)} == {per_thread}
    assert len(parts) == threads * -(-per_thread // 8)
