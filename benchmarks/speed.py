"""The time and the memory of this library beside its peers: one command, one run, the same photos.

    python benchmarks/speed.py              # a quarter of an hour or so, on a machine that does nothing else
    python benchmarks/speed.py --quick      # tries it: a call or two of each kind
    python benchmarks/speed.py --only ours

Contenders: this library in torch and in ONNX Runtime, MediaPipe's Face Mesh, and face-alignment (its real
networks with random weights), each peer in an environment of its own below build/peers, made the first time;
with 1 and 2 threads, bound to as many CPUs, and on CUDA where there is one. They take turns. Writes
benchmarks/results/speed.json, speed.md (the tables) and speed.png. docs/speed.md says how to read them.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from provenance import provenance
from timing import contenders
from timing.between_cores import Nearness
from timing.chart import draw_chart
from timing.contenders import GROUPS, TASKS, Contender
from timing.floor import floor_milliseconds, gmac_of, gmac_per_second
from timing.measuring import Failure, Measurement, measure_starts, measure_task
from timing.photos import Photo, write_photos
from timing.spread import Spread
from timing.table import markdown, told
from timing.targets import START_BOXES, START_PHOTO, promises, split
from timing.turns import QUICK, Effort

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.weights.manifest import load_manifest

RESULTS = Path(__file__).resolve().parent / "results" / "speed.json"
#: A machine that is busier than this when the run begins is told of.
IDLE = 0.3


def thread_counts() -> tuple[int, ...]:
    """1 and 2, as far as this process has CPUs."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (1, 2) if cpus > 1 else (1,)


def has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def start_cases(present: Sequence[Contender], place: str) -> list[tuple[str, str, Contender]]:
    """The cases that are measured from the start of a process, at ``place``."""
    cases = []
    for contender in present:
        if contender.place == place and contender.group in ("ours", "mediapipe"):
            if contender.group == "ours":
                cases.append((START_BOXES, "box", contender))
            cases.append((START_PHOTO, "first_photo", contender))
    return cases


def say(measurement: Measurement) -> None:
    name = f"{measurement.contender}, {measurement.place}"
    calls = f"{measurement.spread.calls} calls"
    print(f"  {name:44}{told(measurement.spread):>28} ms  {calls:>10}  {split(measurement)}", flush=True)


def measure_rates(
    threads: Sequence[int],
    photos: dict[int, Photo],
    effort: Effort,
    failures: list[Failure],
    nearness: Nearness,
) -> dict[str, dict[str, float]]:
    """Place -> routine -> 10^9 multiply-adds a second."""
    machine = list(contenders.arithmetic(threads))
    rates: dict[str, dict[str, float]] = {}
    for task in machine[0].tasks:
        for measured in measure_task(
            task, machine, photos, effort, failed=failures.append, before=nearness.wait
        ):
            rate = gmac_per_second(float(str(measured.said["macs"])), measured.spread.median)
            rates.setdefault(measured.place, {})[task] = round(rate, 2)
            print(f"  {task}, {measured.place}: {rate:.1f} GMAC/s", flush=True)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument(
        "--beside",
        action="append",
        metavar="NAME",
        help="other weights to measure in ONNX Runtime too; may be repeated (nano, where it is released)",
    )
    parser.add_argument("--only", action="append", choices=GROUPS, help="this contender; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a call or two of each kind, to try the script")
    parser.add_argument("--rounds", type=int, default=Effort.rounds, help="turns of each contender a task")
    parser.add_argument(
        "--seconds", type=float, default=Effort.seconds, help="of calls for each contender a task, roughly"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="to wait, in all, for CPUs that are near each other; 0: measure wherever they are",
    )
    parser.add_argument(
        "--compile-peer", action="store_true", help="torch.compile for face-alignment: minutes the first time"
    )
    parser.add_argument(
        "--mediapipe-python", default=sys.executable, help="a Python 3.9 to 3.12, for MediaPipe's environment"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="the .json; .md and .png lie beside it")
    args = parser.parse_args()
    effort = QUICK if args.quick else Effort(rounds=args.rounds, seconds=args.seconds)
    if min(effort.rounds, effort.seconds) <= 0:
        parser.error("--rounds and --seconds must be positive")

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if load is not None and load > IDLE:
        print(f"the machine is busy (load {load:.2f} over the last minute): the times will say so too")
    threads, cuda = thread_counts(), has_cuda()
    most = contenders.place_of(max(threads))
    present, absent = contenders.invited(
        args.only or GROUPS,
        args.weights,
        threads,
        cuda=cuda,
        compiled=args.compile_peer,
        mediapipe_python=args.mediapipe_python,
        beside=args.beside or [name for name in load_manifest() if name == "nano" != args.weights],
    )
    for group, reason in absent.items():
        print(f"{group}: not measured: {reason}")

    failures: list[Failure] = []
    measurements: list[Measurement] = []
    nearness = Nearness(patience=args.patience)
    with tempfile.TemporaryDirectory() as folder:
        # ONNX files are made here when they are not in the cache, so that no start has that in it.
        photos = write_photos(
            Path(folder), FaceAligner3D(args.weights, backend="onnx", device="cpu", threads=1)
        )
        print("arithmetic")
        rates = measure_rates(threads, photos, effort, failures, nearness)
        for task, name in TASKS.items():
            print(name)
            found = measure_task(task, present, photos, effort, failed=failures.append, before=nearness.wait)
            measurements += found
            for measurement in found:
                say(measurement)
        starts = measure_starts(start_cases(present, most), photos, effort, failed=failures.append)

    gmac = gmac_of(args.weights)
    floors = {place: floor_milliseconds(gmac, rates[place]) for place in rates}
    promised = promises(measurements, starts, floors.get(most), most)
    notes = notes_of(present, absent, failures, gmac, rates, nearness)
    tables = markdown(measurements, starts, promised, floors=floors, notes=notes, promised=most)
    print("\n" + tables)
    content = {
        **about_this_run(args.weights),
        "effort": asdict(effort),
        "load_before": load,
        "cuda": cuda,
        "photo": "scikit-image's astronaut (public domain), resized to squares",
        "unit": "milliseconds; of a batch, per face; seconds of starts",
        "notes": notes,
        "floor": {"gmac_a_face": round(gmac, 4), "gmac_a_second": rates, "milliseconds": floors},
        "between_cpus": {
            "patience": nearness.patience,
            "waited": nearness.waited,
            "bursts": len(nearness.round_trips_ns),
            "far": nearness.far,
        },
        "measurements": [asdict(m) for m in measurements],
        "starts": [asdict(s) for s in starts],
        "promises": [{**asdict(p), "met": p.met} for p in promised],
        "failures": [asdict(f) for f in failures],
    }
    write(args.output, content, tables, measurements, most)


def about_this_run(weights: str) -> dict[str, Any]:
    """Command, date, machine, versions and weights."""
    content = provenance(weights)
    content["versions"]["onnxruntime"] = metadata.version("onnxruntime")
    return content


def notes_of(
    present: Sequence[Contender],
    absent: dict[str, str],
    failures: Sequence[Failure],
    gmac: float,
    rates: dict[str, dict[str, float]],
    nearness: Nearness,
) -> list[str]:
    """Notes that readers of the tables need."""
    fastest = ", ".join(f"{max(routines.values()):.0f} with {place}" for place, routines in rates.items())
    notes = [
        f"Floor: {gmac:.2f} GMAC a face at the fastest of four routines, in GMAC/s: {fastest}.",
        f"`{next(iter(TASKS.values()))}`: pixels of the crop in, points out, nothing else.",
    ]
    notes += dict.fromkeys(f"{c.label}: {c.note}." for c in present if c.note)
    notes += [f"{group}: not measured: {reason}." for group, reason in absent.items()]
    notes += [f"{f.contender}, {f.task}: failed: {f.error}" for f in failures]
    if nearness.round_trips_ns:
        notes.append(
            "Round trip between the two CPUs as bursts began, in Python: "
            f"{told(Spread.of(nearness.round_trips_ns))} ns; {nearness.far} of "
            f"{len(nearness.round_trips_ns)} began with CPUs far from each other, after "
            f"{nearness.waited:.0f} s of waiting for near ones in all (docs/speed.md)."
        )
    return notes


def write(
    output: Path, content: dict[str, Any], tables: str, measurements: Sequence[Measurement], place: str
) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(tables, encoding="utf-8")
    if measurements:
        draw_chart(measurements, place).save(output.with_suffix(".png"))
    print(f"wrote {output}, and .md and .png beside it")


if __name__ == "__main__":
    main()
