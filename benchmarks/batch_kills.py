"""Kills (-9) at random moments: whether a batch that is gone on with is what an undisturbed one is.

Each run kills the whole command, or some of its processes, one to three times at random moments, and goes on
until all is done. It is right when the tables have every image once and equal those of a run in one process
that nobody disturbs. With ``--ray`` (which needs Ray) the kills are of the command, of an actor, and of a
node of a cluster of several nodes on this machine.

    python benchmarks/batch_kills.py --runs 50 --output benchmarks/results/batch_kills.json
    python benchmarks/batch_kills.py --runs 20 --ray --output benchmarks/results/batch_kills.json

The file has a part for each of the two, of the runs so far, and a table beside it as .md.
"""

import argparse
import json
import os
import random
import shutil
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
from provenance import provenance

ROOT: Final = Path(__file__).resolve().parent.parent
TABLES: Final = ("faces", "images", "failures")
#: Seconds in which a run ends that goes on after a kill.
_PATIENCE: Final = 600
_HUNG: Final = ", after which it hung"
#: Outcomes that are right.
EQUAL, NEARLY = "equal to the bit", "equal to 0.01 px"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=50, help="runs (50)")
    parser.add_argument("--photos", type=int, default=60, help="photos of a run (60)")
    parser.add_argument("--weights", default="nano", help="name of the manifest (nano)")
    parser.add_argument(
        "--ray", action="store_true", help="on a Ray cluster of several nodes on this machine"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--output", type=Path, help="the .json; the table lies beside it as .md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        album = Album(Path(text), args.weights)
        make_photos(album.folder / "photos", args.photos)
        seconds_of(album.command("undisturbed", workers=1))
        if args.ray:
            with_cluster(lambda cluster: all_runs(args, album, cluster))
        else:
            all_runs(args, album, None)


class Album:
    """Photos, and batches of them in folders beside."""

    def __init__(self, folder: Path, weights: str) -> None:
        self.folder, self._weights = folder, weights

    def command(self, name: str, cluster: Any = None, workers: int = 2) -> list[str]:
        """The command of the batch ``name``."""
        words = ["batch", str(self.folder / "photos"), str(self.folder / name), "--offline"]
        words += ["--backend", "onnx", "--weights", self._weights, "--task-size", "5"]
        words += ["--workers", str(workers)] if cluster is None else ["--ray", cluster.address]
        return [sys.executable, "-m", "face_alignment_3d", *words]


def seconds_of(command: list[str]) -> float:
    begin = time.monotonic()
    subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begin


def all_runs(args: argparse.Namespace, album: Album, cluster: Any) -> None:
    chance = random.Random(args.seed)  # noqa: S311
    seconds = seconds_of(album.command("timed", cluster))
    outcomes: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    for index in range(args.runs):
        name = f"out{index}"
        whats: list[str] = []
        wanted = chance.randint(1, 3)
        while len(whats) < wanted:
            what = disturbed(album, name, chance, seconds, cluster)
            if what is not None:
                whats.append(what)
            elif whats:
                break  # All is done.
            else:  # It was quicker: begin again, with an earlier moment.
                seconds *= 0.9
                shutil.rmtree(album.folder / name)
        kills.update(whats)
        last = subprocess.run(
            album.command(name, cluster), check=False, cwd=ROOT, capture_output=True, text=True
        )
        if last.returncode == 1 and ", 1 failed" in last.stdout:  # As the source has one that is no picture.
            outcome = compared(album.folder / "undisturbed", album.folder / name)
        else:
            outcome = f"ended with {last.returncode}: {' '.join(last.stderr.splitlines()[-3:])}"
        if any(what.endswith(_HUNG) for what in whats):
            outcome = "hung after a kill"
        outcomes[outcome] += 1
        shutil.rmtree(album.folder / name, ignore_errors=True)
        print(f"run {index}: {outcome}; {dict(kills)}", file=sys.stderr, flush=True)
        report = {
            **provenance(args.weights),
            "runs": index + 1,
            "photos": args.photos,
            "seed": args.seed,
            "kills": dict(kills),
            "outcomes": dict(outcomes),
        }
        if args.output is not None:  # After each: this may take hours.
            write(args.output, {"ray" if args.ray else "processes": report})


def write(file: Path, part: dict[str, Any]) -> None:
    """Puts a part into the file, beside the other one if that is there, and both into a table."""
    parts = {**(json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}), **part}
    file.write_text(json.dumps(parts, indent=2) + "\n", encoding="utf-8")
    lines = [
        "| batch on | runs | kills | complete, without doubles and equal | of these to the bit |",
        "|---" * 5 + "|",
    ]
    for name, found in sorted(parts.items()):
        kills = ", ".join(f"{count} of {what}" for what, count in sorted(found["kills"].items()))
        right = sum(found["outcomes"].get(outcome, 0) for outcome in (EQUAL, NEARLY))
        lines.append(
            f"| {name} | {found['runs']} | {kills} | {right} of {found['runs']} "
            f"| {found['outcomes'].get(EQUAL, 0)} |"
        )
    abouts = [f"`{found['command']}` on {found['date']}, {found['machine']}" for found in parts.values()]
    file.with_suffix(".md").write_text(
        "\n".join(lines) + "\n\n" + "\n\n".join(abouts) + "\n", encoding="utf-8"
    )


def make_photos(folder: Path, count: int) -> None:
    folder.mkdir()
    photo = Image.fromarray(skimage.data.astronaut())
    for index in range(count):
        side = 160 + 37 * index % 300
        photo.rotate(index % 20 - 10).resize((side, side)).save(folder / f"{index:04}.jpg", quality=90)
    (folder / "bad.jpg").write_text("no picture")


def disturbed(album: Album, name: str, chance: random.Random, seconds: float, cluster: Any) -> str | None:
    """Begins, or goes on, and kills something at a random moment: what it was; None if all was done before.

    After a worker, an actor or a node the command goes on to its end, or is killed as well.
    """
    process = subprocess.Popen(
        album.command(name, cluster), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    moment = chance.uniform(0, seconds)
    what = chance.choice(["command", "worker"] if cluster is None else ["command", "actor", "node"])
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment)
        return None
    if what == "node":
        nodes = sorted(cluster.worker_nodes, key=lambda node: str(node.node_id))
        cluster.remove_node(chance.choice(nodes), allow_graceful=False)
        cluster.add_node(wait=False, num_cpus=1)
    elif what != "command":
        workers = processes_named("spawn_main" if what == "worker" else "ray::MapWorker")
        if not workers:
            what = "command"
        else:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
    if what != "command":
        if chance.random() < 0.5:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
                return what
            process.kill()
            process.wait()
            return f"{what}{_HUNG}"
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, seconds / 2))
            return what
        what += " and command"
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
    os.environ["RAY_raylet_start_wait_time_s"] = "300"  # noqa: SIM112 - On a busy machine.
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        work(cluster)
    finally:
        cluster.shutdown()


def compared(expected: Path, found: Path) -> str:
    """:data:`EQUAL`, :data:`NEARLY`, or what is wrong."""
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
    return EQUAL if equal else NEARLY


def sorted_rows(table: Path) -> list[dict[str, Any]]:
    rows = pq.read_table(table).to_pylist()
    return sorted(rows, key=lambda row: (row["image"], row.get("face", 0)))


if __name__ == "__main__":
    main()
