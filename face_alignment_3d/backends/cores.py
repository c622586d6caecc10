"""How many cores there are to work on."""

import os
from pathlib import Path
from typing import Final

_TOPOLOGY: Final = Path("/sys/devices/system/cpu")


def usable_cores(topology: Path = _TOPOLOGY) -> int:
    """The physical cores that this process may run on, at least 1.

    Of the CPUs in the process's affinity, those that ``topology`` (Linux's description of them) calls threads
    of one core count once. Where neither is known, as on macOS and Windows, it is the number of CPUs that
    Python knows of. A limit on the CPU *time* of a container is not seen.
    """
    if hasattr(os, "sched_getaffinity"):
        return len({_core(cpu, topology) for cpu in os.sched_getaffinity(0)})
    return os.cpu_count() or 1


def _core(cpu: int, topology: Path) -> str:
    """The threads of the core that ``cpu`` belongs to, in a form that is the same for each of them."""
    try:
        return (topology / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)
