"""Counting the cores that a process may use."""

import os
from pathlib import Path

import pytest

from face_alignment_3d import cores
from face_alignment_3d.cores import cpu_quota, fair_threads, usable_cores


@pytest.fixture(autouse=True)
def _no_other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 CPUs without quota; tests set what they are about."""
    monkeypatch.setattr(cores, "cpu_quota", lambda: None)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 64, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)


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
    monkeypatch.setattr(os, "process_cpu_count", lambda: 6, raising=False)
    assert usable_cores() == 6
    monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
    assert usable_cores() == 1


def test_older_pythons_know_only_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "process_cpu_count")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cores() == 5


@pytest.mark.parametrize("limit", ["quota", "python"])
def test_the_tightest_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(32)), raising=False)
    assert usable_cores(tmp_path) == 32
    if limit == "quota":
        monkeypatch.setattr(cores, "cpu_quota", lambda: 2)
    else:
        monkeypatch.setattr(os, "process_cpu_count", lambda: 2, raising=False)
    assert usable_cores(tmp_path) == 2


def _cgroups(folder: Path, listing: str, files: dict[str, str]) -> tuple[Path, Path]:
    (folder / "cgroup").write_text(listing)
    root = folder / "sys"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return folder / "cgroup", root


_V1 = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"


@pytest.mark.parametrize(
    ("listing", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "20000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        # Systemd: the limit is on the slice above.
        (
            "0::/user.slice/app.scope\n",
            {"user.slice/app.scope/cpu.max": "max 100000", "user.slice/cpu.max": "300000 100000"},
            3,
        ),
        # A container without a namespace of its own: the path is the host's, the mount the container's.
        ("0::/docker/abc\n", {"cpu.max": "400000 100000"}, 4),
        (_V1, {"cpu,cpuacct/cpu.cfs_quota_us": "200000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, 2),
        (_V1, {"cpu/docker/abc/cpu.cfs_quota_us": "50000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 1),
        (_V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        # Both at once, as on hybrid systems.
        ("0::/\n1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "50000"}, 5),
        ("0::/\n", {"cpu.max": "garbage"}, None),
        ("0::/\n", {}, None),
        ("", {"cpu.max": "100000 100000"}, None),
    ],
)
def test_quotas(tmp_path: Path, listing: str, files: dict[str, str], expected: int | None) -> None:
    assert cpu_quota(*_cgroups(tmp_path, listing, files)) == expected


def test_without_cgroups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path) is None


def _running(folder: Path, load: str, states: str) -> dict[str, Path]:
    (folder / "loadavg").write_text(load)
    for number, state in enumerate(states):
        task = folder / "task" / str(number)
        task.mkdir(parents=True)
        (task / "stat").write_text(f"{number} (a) b) {state} 1 2 3")
    return {"load": folder / "loadavg", "tasks": folder / "task"}


@pytest.mark.parametrize(
    ("cpus", "threads", "running", "states", "expected"),
    [
        (2, 2, 1, "R", 2),  # Nobody else.
        (2, 2, 3, "RS", 1),  # Two busy processes.
        (2, 2, 5, "RSSS", 1),
        (2, 2, 2, "RRS", 2),  # One's own thread that spins.
        (2, 2, 4, "RRS", 1),
        (64, 8, 31, "R", 8),  # Busy, but with cores to spare.
        (64, 8, 201, "R", 2),  # Fully loaded: a fair share, not the least.
        (2, 1, 9, "R", 1),
    ],
)
def test_threads_beside_others(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    cpus: int,
    threads: int,
    running: int,
    states: str,
    expected: int,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cpus)
    assert (
        fair_threads(threads, **_running(tmp_path, f"1.00 2.00 3.00 {running}/285 32300\n", states))
        == expected
    )


@pytest.mark.parametrize("load", ["", "nonsense", "1 2 3 x/y 5"])
def test_threads_where_the_load_is_not_known(tmp_path: Path, load: str) -> None:
    assert fair_threads(4, **_running(tmp_path, load, "R")) == 4
    assert fair_threads(4, load=tmp_path / "none", tasks=tmp_path) == 4


def test_this_machine_has_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert 1 <= fair_threads(3) <= 3
