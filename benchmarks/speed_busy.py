"""The time of a photo and of a face while other processes keep the cores busy.

    python benchmarks/speed_busy.py [--seconds 10]

For each runtime a process aligns scikit-image's astronaut, found and in its given box, with no other process
beside it, as many busy ones as cores, and twice as many. Prints a line for each: the median in milliseconds
and how often that is the fair share, which is the time alone by the cores that are left to it. Twice is the
promise.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Literal

_BUSY = "while True: pass"


def measure(backend: Literal["onnx", "torch"], seconds: float) -> dict[str, float]:
    """Task -> median milliseconds, in this process."""
    import numpy as np
    from skimage.data import astronaut

    from face_alignment_3d import FaceAligner3D

    aligner, photo = FaceAligner3D(backend=backend), astronaut()
    medians = {}
    for task, boxes in (("photo", None), ("box", [[179, 90, 268, 178]])):
        times: list[float] = []
        for _ in range(3):
            aligner.get_landmarks(photo, boxes=boxes)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            aligner.get_landmarks(photo, boxes=boxes)
            times.append(1000 * (time.perf_counter() - start))
        medians[task] = float(np.median(times))
    return medians


def beside(count: int, backend: str, seconds: float) -> dict[str, float]:
    """:func:`measure` in a new process beside ``count`` busy ones."""
    busy = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        command = [sys.executable, __file__, "--measure", backend, "--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number")
    parser.add_argument("--measure", choices=("torch", "onnx"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.seconds)))
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{cores} cores; load at the start {load:.1f}, which should be near 0")
    for backend in ("torch", "onnx"):
        alone: dict[str, float] = {}
        for count in (0, cores, 2 * cores):
            found = beside(count, backend, args.seconds)
            alone = alone or found
            for task, milliseconds in found.items():
                # All cores alone; beside n busy processes, cores / (cores + n) of them.
                share = milliseconds / (alone[task] * (cores + count) / cores)
                print(
                    f"{backend:5s} {task:5s} beside {count}: {milliseconds:7.1f} ms, {share:.2f} fair shares",
                    flush=True,
                )


if __name__ == "__main__":
    main()
