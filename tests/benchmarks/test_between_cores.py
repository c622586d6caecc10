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


def _nearness(trips, **settings):
    """Of made-up trips, the last of which goes on for ever; no time passes."""
    left = list(trips)
    return between_cores.Nearness(
        measure=lambda: left.pop(0) if len(left) > 1 else left[0], pause=lambda _: None, **settings
    )


def test_it_waits_until_the_cpus_are_near() -> None:
    shortest = [400.0] + [700.0] * 10 + [350.0] * 10
    nearness = _nearness([*shortest, 360.0, 700.0, 690.0, 380.0, 390.0], patience=60)
    for _ in range(3):
        nearness.wait()
    assert nearness.round_trips_ns == [400.0, 360.0, 380.0]
    assert nearness.waited == 1.0
    assert nearness.far == 0


def test_patience_ends() -> None:
    nearness = _nearness([*[350.0] * 21, 700.0], patience=12, at_once=10)
    for _ in range(3):
        nearness.wait()
    assert nearness.round_trips_ns == [350.0, 700.0, 700.0]
    assert nearness.waited == 12.0
    assert nearness.far == 2


def test_without_patience_or_two_cpus_nothing_is_measured() -> None:
    for nearness in (_nearness([700.0], patience=0), _nearness([None], patience=60)):
        nearness.wait()
        assert nearness.round_trips_ns == []
