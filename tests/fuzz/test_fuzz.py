"""A short slice of fuzzing, the same cases each time; benchmarks/fuzz.py does the long run."""

from typing import Any

import pytest

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings

from tests.fuzz.outcome import outcome_of
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

#: Of a target of cost 1.
CASES = 40


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_outcome_is_a_result_or_an_error_of_ours(target: Target) -> None:
    @settings(
        max_examples=max(5, CASES // target.cost),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.cases)
    def fuzz(case: Any) -> None:
        outcome_of(target.run, case)

    fuzz()
