"""The number of CPU cores that are available."""

import math
import os
from pathlib import Path
from typing import Final

_TOPOLOGY: Final = Path("/sys/devices/system/cpu")
_PROCESS_CGROUPS: Final = Path("/proc/self/cgroup")
_CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
_LOAD: Final = Path("/proc/loadavg")
_TASKS: Final = Path("/proc/self/task")


def usable_cores(topology: Path = _TOPOLOGY) -> int:
    """The physical cores that this process may keep busy, at least 1.

    Of the CPUs that the process may run on, those that ``topology`` (Linux's description of them) calls
    threads of one core count once. A container's limit of CPU time (the quota of its cgroup, version 1 or 2)
    counts as so many cores, rounded up. So does Python's own limit, ``PYTHON_CPU_COUNT`` or ``-X cpu_count``.
    Where none of these is known, it is the number of CPUs that Python knows of.
    """
    limits = [_cores_of_affinity(topology), cpu_quota(), _python_limit()]
    return max(1, min(limit for limit in limits if limit is not None))


def fair_threads(threads: int, *, load: Path = _LOAD, tasks: Path = _TASKS) -> int:
    """The number of ``threads``, at least 1, that find a free core beside other processes at this moment.

    Threads of one computation wait for each other, mostly by spinning. With more threads than free cores most
    of their time is spent waiting, and a single thread finishes sooner. ``load`` and ``tasks`` are Linux's
    files of running threads, of the system and of this process; elsewhere ``threads`` is returned unchanged.
    """
    cores = os.cpu_count() or 1
    try:
        others = int(load.read_text().split()[3].partition("/")[0]) - 1
        if others <= 0 or cores * threads // (threads + others) >= threads:
            return threads
        # Of this process only the caller was taken off: others of its threads may be spinning, too.
        own = [(task / "stat").read_text() for task in tasks.iterdir()]
    except (OSError, ValueError, IndexError):
        return threads
    others += 1 - sum(text.rpartition(")")[2].split()[:1] == ["R"] for text in own)
    return max(1, min(threads, cores * threads // (threads + max(0, others))))


def cpu_quota(processes: Path = _PROCESS_CGROUPS, root: Path = _CGROUP_ROOT) -> int | None:
    """The CPU time that the cgroups of this process allow, in CPUs, rounded up; None without a limit.

    ``processes`` is Linux's list of them, ``root`` where they are mounted. The tightest limit of a group and
    those above it counts.
    """
    try:
        lines = processes.read_text().splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for line in lines:
        _, _, entry = line.partition(":")
        controllers, _, group = entry.partition(":")
        if not controllers:
            mounts, read = [root, root / "unified"], _quota_v2
        elif "cpu" in controllers.split(","):
            mounts, read = [root / controllers, root / "cpu"], _quota_v1
        else:
            continue
        for mount in mounts:
            # In a container, the group's own folder is mounted as the root, whatever its name outside.
            folder = mount / group.strip("/")
            for place in (folder, *folder.parents):
                if place == mount or mount in place.parents:
                    quotas += read(place)
    return math.ceil(min(quotas)) if quotas else None


def _quota_v2(folder: Path) -> list[float]:
    values = _words(folder / "cpu.max")
    return [] if len(values) != 2 else _quota(*values)


def _quota_v1(folder: Path) -> list[float]:
    return _quota(*(_words(folder / "cpu.cfs_quota_us") or [""]), *_words(folder / "cpu.cfs_period_us"))


def _quota(quota: str = "", period: str = "") -> list[float]:
    """A list of the one limit in CPUs; empty where the words are no limit ("max", "-1") or are missing."""
    if not (quota.isdigit() and period.isdigit() and int(quota) and int(period)):
        return []
    return [int(quota) / int(period)]


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _python_limit() -> int:
    # From Python 3.13 on there is one that knows of affinity and of limits that the user sets.
    count = getattr(os, "process_cpu_count", os.cpu_count)
    return count() or 1


def _cores_of_affinity(topology: Path) -> int | None:
    if not hasattr(os, "sched_getaffinity"):
        return None
    return len({_core(cpu, topology) for cpu in os.sched_getaffinity(0)})


def _core(cpu: int, topology: Path) -> str:
    """The threads of the core that ``cpu`` belongs to, in a form that is the same for each of them."""
    try:
        return (topology / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)
