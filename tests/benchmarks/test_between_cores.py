"""The round trip between CPUs is a time, and leaves the process as it was."""

import os

import pytest
from timing import between_cores


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs"
)
def test_a_round_trip_takes_time_and_the_process_keeps_its_cpus() -> None:
    before = os.sched_getaffinity(0)
    taken = between_cores.round_trip_nanoseconds()
    assert taken is not None
    assert taken > 10
    assert os.sched_getaffinity(0) == before


def test_with_one_cpu_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert between_cores.round_trip_nanoseconds() is None
