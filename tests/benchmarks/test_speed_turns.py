"""Turns, spreads and the floor of the speed benchmark."""

import pytest
from timing import floor, turns
from timing.spread import Spread
from timing.turns import Effort, Samples, schedule, take_turns


class Clockwork:
    """A stand-in worker with given times, which records the order of its calls."""

    def __init__(self, name, milliseconds, log):
        self.name, self.milliseconds, self.log = name, milliseconds, log

    def time(self, calls, *, untimed=0):
        self.log.append((self.name, calls, untimed))
        return [self.milliseconds] * calls, {"detection": [self.milliseconds / 2] * calls}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(turns, "_PAUSE_SECONDS", 0)


def test_a_spread_is_the_median_and_the_middle_of_90_percent():
    spread = Spread.of(list(range(101)))
    assert (spread.calls, spread.median, spread.percentile_5, spread.percentile_95) == (101, 50, 5, 95)
    assert Spread.of([64.0, 64, 320], divide_by=32).median == 2
    with pytest.raises(ValueError, match="at least one"):
        Spread.of([])


def test_short_calls_fill_every_round_up_to_a_limit():
    effort = Effort(rounds=10, seconds=1)
    assert schedule(20, effort) == [5] * 10
    assert schedule(0.01, effort) == [turns._LONGEST_BURST] * 10


def test_long_calls_are_spread_over_the_rounds():
    plan = schedule(5000, Effort(rounds=20, seconds=1, least=5))
    assert sum(plan) == 5
    assert [index for index, calls in enumerate(plan) if calls] == [2, 6, 10, 14, 18]
    assert sum(schedule(5000, Effort(rounds=2, seconds=0.1, least=1))) == 1


def test_contenders_alternate():
    log = []
    workers = {"fast": Clockwork("fast", 10, log), "slow": Clockwork("slow", 4000, log)}
    samples = take_turns(workers, Effort(rounds=4, seconds=0.2, least=2))
    assert samples["fast"] == Samples([10] * 20, {"detection": [5] * 20})
    assert samples["slow"] == Samples([4000] * 2, {"detection": [2000] * 2})
    in_turns = log[3:]  # After the pilots: one call of each, and five more of the fast one.
    assert [name for name, *_ in in_turns] == ["fast", "fast", "slow", "fast", "fast", "slow"]
    assert {(name, untimed) for name, _, untimed in in_turns} == {("fast", 1), ("slow", 0)}


def test_the_floor_is_the_arithmetic_at_the_fastest_rate():
    rate = floor.gmac_per_second(2e9, milliseconds=20)
    assert rate == pytest.approx(100)
    assert floor.floor_milliseconds(0.5, {"product": rate, "convolution": 50.0}) == pytest.approx(5)
