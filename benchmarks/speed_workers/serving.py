"""The server that every contender of the speed benchmark runs in its own process: tasks behind JSON lines.

Runs in environments that know nothing of this library: the standard library alone. A line of the standard
input is one of

- {"do": "prepare", "task": NAME, ...}: makes the task's call and calls it once; the answer is
  {"said": what the call returned};
- {"do": "time", "untimed": U, "calls": C}: calls U times, then C times with the clock on; the answer is
  {"milliseconds": [C numbers], "parts": {NAME: [C numbers]}};
- {"do": "about"}: the answer is {"megabytes": the largest resident memory of this process so far, "torch":
  whether torch is imported, "versions": {PACKAGE: VERSION}}.

{"error": TEXT} is the answer to whatever failed.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: The result of a call: "faces" found, "parts" {name: milliseconds} of this call, or else of interest.
Said = dict[str, Any]
Request = dict[str, Any]
Task = Callable[[Request], Callable[[], Said]]


def bind(cpus: int | None) -> None:
    """This process and its threads use the last ``cpus`` of the machine's CPUs; None, or no way to: all."""
    if cpus is not None and hasattr(os, "sched_setaffinity"):
        # The last ones: the kernel serves interrupts on the first, mostly.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cpus:])


def serve(tasks: Mapping[str, Task], *, packages: tuple[str, ...]) -> None:
    """Answers until the standard input ends; ``packages`` are those whose versions are told, if installed."""
    # Native code writes warnings wherever it likes; the answers get a channel of their own.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    call: Callable[[], Said] | None = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["do"] == "prepare":
                call = tasks[request["task"]](request)
                reply = {"said": call()}
            elif request["do"] == "time":
                if call is None:
                    raise ValueError("nothing was prepared")
                reply = timed(call, untimed=request["untimed"], calls=request["calls"])
            elif request["do"] == "about":
                reply = about(packages)
            else:
                raise ValueError(f"do must be 'prepare', 'time' or 'about'; got {request['do']!r}")
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


def timed(call: Callable[[], Said], *, untimed: int, calls: int) -> dict[str, Any]:
    """The milliseconds of each of ``calls`` calls, and of the parts that they told of."""
    for _ in range(untimed):
        call()
    milliseconds, parts = [], {}
    for _ in range(calls):
        start = time.perf_counter()
        said = call()
        milliseconds.append(1000 * (time.perf_counter() - start))
        for name, value in said.get("parts", {}).items():
            parts.setdefault(name, []).append(value)
    return {"milliseconds": milliseconds, "parts": parts}


def about(packages: tuple[str, ...]) -> dict[str, Any]:
    """The versions, the memory and the imports of this process."""
    megabytes, torch = peak_megabytes(), "torch" in sys.modules
    # Imported late: it is no part of what the contender needs.
    from importlib import metadata

    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"megabytes": megabytes, "torch": torch, "versions": versions}


def peak_megabytes() -> float:
    """The largest resident memory of this process, in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage would count what the parent held when it forked.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
