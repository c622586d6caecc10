"""Tasks in which processes died."""

from pathlib import Path

import pytest

from face_alignment_3d.batch import attempts
from face_alignment_3d.batch.attempts import Attempts, forget_attempts
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.errors import BatchError


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    return Destination(str(tmp_path))


def dies_at(destination: Destination, key: str | None = None) -> frozenset[str] | None:
    """An attempt, which ends at ``key`` where it is one with care: what it leaves out."""
    care = Attempts(destination, "run").begin(7)
    if care is None:
        return None
    for before in ("first.png", key):
        if before is not None:
            care.before(before)
    return care.fatal


def test_two_attempts_without_care_then_two_deaths_at_an_image(destination: Destination) -> None:
    assert [dies_at(destination, "bad.png") for _ in range(5)] == [
        *(None, None),
        *(frozenset(), frozenset(), frozenset({"bad.png"})),
    ]


def test_one_death_at_an_image_may_be_chance(destination: Destination) -> None:
    found = [dies_at(destination, key) for key in ("a", "b", "a.png", "b.png", "c.png", "b.png", "d.png")]
    assert found[-2:] == [frozenset(), frozenset({"b.png"})]


def test_other_runs_do_not_count(destination: Destination) -> None:
    for _ in range(5):
        dies_at(destination, "bad.png")
    assert Attempts(destination, "another run").begin(7) is None


def test_other_tasks_do_not_count_nor_those_that_are_done(destination: Destination) -> None:
    for _ in range(4):
        dies_at(destination, "bad.png")
    assert Attempts(destination, "run").begin(8) is None
    Attempts(destination, "run").end(7)
    assert dies_at(destination) is None
    forget_attempts(destination)
    assert destination.sizes("_state/attempts") == {}


def test_there_is_an_end(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_MOST", 3)
    for _ in range(3):
        dies_at(destination)
    with pytest.raises(BatchError, match="task 7 cannot be finished: 3 processes ended in it"):
        dies_at(destination)
