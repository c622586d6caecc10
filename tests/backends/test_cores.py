"""Counting the cores that a process may use."""

import os
from pathlib import Path

import pytest

from face_alignment_3d.backends.cores import usable_cores


def _describe(folder: Path, siblings: dict[int, str]) -> Path:
    for cpu, text in siblings.items():
        file = folder / f"cpu{cpu}" / "topology" / "thread_siblings_list"
        file.parent.mkdir(parents=True)
        file.write_text(text + "\n")
    return folder


def test_threads_of_one_core_count_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    topology = _describe(tmp_path, {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    assert usable_cores(topology) == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2}, raising=False)
    assert usable_cores(topology) == 1


def test_without_a_description_each_cpu_of_the_affinity_is_a_core(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 6}, raising=False)
    assert usable_cores(tmp_path / "none") == 3


def test_without_affinities_it_is_what_python_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_this_machine_has_at_least_one() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
