"""Kills (-9) at random moments: whether a batch that is gone on with is what an undisturbed one is.

Each run kills the whole command, or some of its processes, one to three times at random moments, and goes on
until all is done. It is right when the tables have every image once and equal the undisturbed run's. With
``--ray`` (which needs Ray) the kills are of the command, of an actor, and of a node of a cluster of several
nodes on this machine.

    python benchmarks/batch_kills.py --runs 50 --output benchmarks/results/batch_kills.json
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
import skimage.data
from PIL import Image

ROOT: Final = Path(__file__).resolve().parent.parent
TABLES: Final = ("faces", "images", "failures")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=50, help="runs (50)")
    parser.add_argument("--photos", type=int, default=120, help="photos of a run (120)")
    parser.add_argument(
        "--ray", action="store_true", help="on a Ray cluster of several nodes on this machine"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--output", type=Path, help="write the counts as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        make_photos(folder / "photos", args.photos)
        begin = time.monotonic()
        subprocess.run(command(folder, "undisturbed"), check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
        seconds = time.monotonic() - begin
        chance = random.Random(args.seed)  # noqa: S311
        if args.ray:
            with_cluster(lambda cluster: all_runs(args, folder, chance, seconds, cluster))
        else:
            all_runs(args, folder, chance, seconds, None)


def all_runs(
    args: argparse.Namespace, folder: Path, chance: random.Random, seconds: float, cluster: Any
) -> None:
    outcomes: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    for index in range(args.runs):
        name = f"out{index}"
        for _ in range(chance.randint(1, 3)):
            kills[disturbed(folder, name, chance, seconds, cluster)] += 1
        subprocess.run(command(folder, name, cluster), check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
        outcome = compared(folder / "undisturbed", folder / name)
        outcomes[outcome] += 1
        print(f"run {index}: {outcome}", file=sys.stderr)
    report = {"runs": args.runs, "ray": args.ray, "kills": dict(kills), "outcomes": dict(outcomes)}
    print(json.dumps(report, indent=2))
    if args.output is not None:
        args.output.write_text(json.dumps(report, indent=2) + "\n")


def make_photos(folder: Path, count: int) -> None:
    folder.mkdir()
    photo = Image.fromarray(skimage.data.astronaut())
    for index in range(count):
        side = 160 + 37 * index % 300
        photo.rotate(index % 20 - 10).resize((side, side)).save(folder / f"{index:04}.jpg", quality=90)
    (folder / "bad.jpg").write_text("no picture")


def command(folder: Path, name: str, cluster: Any = None) -> list[str]:
    words = ["batch", str(folder / "photos"), str(folder / name), "--backend", "onnx", "--offline"]
    where = ["--workers", "2"] if cluster is None else ["--ray", cluster.address]
    # A shell that takes 1, of the failed photo, for success.
    line = [sys.executable, "-m", "face_alignment_3d", *words, "--task-size", "10", *where]
    return ["sh", "-c", '"$@"; test $? -le 1', "sh", *line]


def disturbed(folder: Path, name: str, chance: random.Random, seconds: float, cluster: Any) -> str:
    """Begins, or goes on, and kills something at a random moment. What was killed."""
    process = subprocess.Popen(command(folder, name, cluster)[4:], cwd=ROOT, stderr=subprocess.DEVNULL)
    time.sleep(chance.uniform(0, seconds))
    what = chance.choice(["command", "worker"] if cluster is None else ["command", "worker", "node"])
    if process.poll() is not None:
        return "nothing: it was done"
    if what == "worker":
        workers = processes_named("ray::" if cluster else "spawn_main")
        if workers:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
        time.sleep(chance.uniform(0, seconds / 2))
    elif what == "node":
        cluster.remove_node(sorted(cluster.worker_nodes, key=id)[0], allow_graceful=False)
        cluster.add_node(num_cpus=1)
        time.sleep(chance.uniform(0, seconds / 2))
    process.kill()
    process.wait()
    return what


def processes_named(text: str) -> list[int]:
    """Processes of this benchmark's own tree with ``text`` in their command line, by Linux's /proc."""
    parents, matching = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if text in (entry / "cmdline").read_text(errors="replace"):
                    matching.append(int(entry.name))

    def is_ours(process: int) -> bool:
        while process > 1 and process != os.getpid():
            process = parents.get(process, 0)
        return process == os.getpid()

    return [process for process in matching if is_ours(process)]


def with_cluster(work: Callable[[Any], None]) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        work(cluster)
    finally:
        cluster.shutdown()


def compared(expected: Path, found: Path) -> str:
    """Equal to the bit, equal to a hundredth of a pixel, or what is wrong."""
    equal = True
    for table in TABLES:
        first, second = (sorted_rows(folder / table) for folder in (expected, found))
        keys = [[(row["image"], row.get("face")) for row in rows] for rows in (first, second)]
        if len(set(keys[1])) < len(keys[1]):
            return f"{table} has doubles"
        if keys[0] != keys[1]:
            return f"{table} differs"
        equal &= first == second
        if table == "faces" and any(
            np.abs(np.subtract(one["landmarks"], two["landmarks"])).max() > 0.01
            for one, two in zip(first, second, strict=True)
        ):
            return "landmarks differ"
    return "equal" if equal else "equal to 0.01 px"


def sorted_rows(table: Path) -> list[dict[str, Any]]:
    rows = pq.read_table(table).to_pylist()
    return sorted(rows, key=lambda row: (row["image"], row.get("face", 0)))


if __name__ == "__main__":
    main()
