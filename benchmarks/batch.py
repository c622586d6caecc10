"""The speed of ``face-alignment-3d batch``: one process against several, and Ray against processes.

Makes photos of mixed sizes, aligns them by the command line in turn, compares the tables and prints the
numbers as Markdown: medians of ``--repeats`` runs. On two idle cores 2,000 photos take about 10 minutes. With
``--output`` the table lies beside the JSON, and ``--document`` puts it into a document, between two marks.

    python benchmarks/batch.py --count 2000 --output benchmarks/results/batch.json --document docs/scale.md

Ray is measured where this interpreter can import it, or in the environment of ``--ray-python``, which must
have the library's other dependencies in the same versions.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import skimage.data
from batch_report import Measured, Report, document_with, markdown
from PIL import Image
from provenance import provenance

from face_alignment_3d.cores import usable_cores

ROOT: Final = Path(__file__).resolve().parent.parent
#: Longer sides of the photos, in pixels.
SIDES: Final = (250, 400, 640, 1024, 1600, 2400)
TABLES: Final = ("faces", "images", "failures")
_DIFFERENT: Final = 60 * len(SIDES)


@dataclass(frozen=True)
class Contender:
    """A way to run the command."""

    name: str
    cores: int
    words: tuple[str, ...]
    python: str = sys.executable
    is_ray: bool = False


class Cost(NamedTuple):
    """The time of a run."""

    seconds: float
    cpu_seconds: float | None
    """Of all its processes; None where they are not its children."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="photos (2000)")
    parser.add_argument(
        "--photos", type=Path, help="take these photos, resized; else one that comes with scikit-image"
    )
    parser.add_argument("--repeats", type=int, default=1, help="runs of each (1)")
    parser.add_argument("--backend", default="onnx", help="the runtime (onnx)")
    parser.add_argument("--weights", default="lite", help="name of the manifest (lite)")
    parser.add_argument("--ray-python", help="an interpreter with Ray (this one, if it has Ray)")
    parser.add_argument(
        "--only", action="append", choices=("one", "threads", "processes", "ray"), help="may be repeated"
    )
    parser.add_argument("--core-hour", type=float, default=0.04, help="price of a core for an hour (0.04)")
    parser.add_argument("--output", type=Path, help="the .json; the table lies beside it as .md")
    parser.add_argument("--document", type=Path, help="the document whose block is filled with the table")
    args = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    present = contenders(ray_python(args.ray_python), args.only)
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        make_photos(photos, args.count, args.photos)
        words = ["--backend", args.backend, "--weights", args.weights, "--offline"]
        measured = measure(photos, Path(folder), args.repeats, present, words)
    report = Report(
        provenance(args.weights),
        load,
        args.backend,
        args.count,
        SIDES,
        args.core_hour,
        usable_cores(),
        measured,
    )
    print(markdown(report))
    if args.output is not None:
        args.output.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
        args.output.with_suffix(".md").write_text(markdown(report) + "\n", encoding="utf-8")
    if args.document is not None:
        text = args.document.read_text(encoding="utf-8")
        args.document.write_text(document_with(text, report), encoding="utf-8")


def ray_python(chosen: str | None) -> str | None:
    """An interpreter with Ray; None where there is none. Exits where the chosen one lacks something."""
    python = chosen or sys.executable
    test = [python, "-c", "import ray.data, face_alignment_3d.batch"]
    tried = subprocess.run(test, check=False, cwd=ROOT, env=environment(), capture_output=True, text=True)
    if tried.returncode and chosen:
        raise SystemExit(f"{chosen} cannot run Ray with this library: {tried.stderr.splitlines()[-1:]}")
    return None if tried.returncode else python


def contenders(ray: str | None, only: list[str] | None) -> list[Contender]:
    cores = usable_cores()
    many = str(cores)
    found = {
        "one": Contender("1 process, 1 thread", 1, ("--workers", "1", "--threads", "1")),
        "threads": Contender(f"1 process, {many} threads", cores, ("--workers", "1", "--threads", many)),
        "processes": Contender(
            f"{many} processes, 1 thread each", cores, ("--workers", many, "--threads", "1")
        ),
    }
    if ray is not None:
        words = ("--ray", "local", "--workers", many)
        found["ray"] = Contender(f"Ray on this machine, {many} actors", cores, words, ray, is_ray=True)
    return [contender for key, contender in found.items() if only is None or key in only]


def make_photos(folder: Path, count: int, originals: Path | None) -> None:
    """Photos of :data:`SIDES` in turn, the originals cropped and mirrored at random, as JPEG.

    After :data:`_DIFFERENT` of them the same follow again.
    """
    folder.mkdir()
    random = np.random.default_rng(0)
    files = (
        sorted(path for path in originals.rglob("*") if path.suffix in (".jpg", ".png")) if originals else []
    )
    if originals and not files:
        raise SystemExit(f"no photos in {originals}")
    for index in range(count):
        if index >= _DIFFERENT:
            shutil.copyfile(folder / f"{index % _DIFFERENT:05}.jpg", folder / f"{index:05}.jpg")
            continue
        image = Image.open(files[index % len(files)]) if files else Image.fromarray(skimage.data.astronaut())
        image = image.convert("RGB")
        width, height = image.size
        left, top, right, bottom = random.uniform(0, 0.1, 4) * (width, height, width, height)
        image = image.crop((int(left), int(top), int(width - right), int(height - bottom)))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        scale = SIDES[index % len(SIDES)] / max(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)))
        image.save(folder / f"{index:05}.jpg", quality=90)


def measure(
    photos: Path, folder: Path, repeats: int, present: list[Contender], words: list[str]
) -> list[Measured]:
    """The costs of each contender, and by how much its tables differ from those of the first one."""
    first = sorted(photos.iterdir())[0]
    starts = {}
    # Graphs are made once, and files are read for the first time, by a run before.
    for contender in (present[0], *present):
        starts[contender.name] = run(contender, first, folder / "out", words).seconds
        shutil.rmtree(folder / "out")
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in present}
    largest = dict.fromkeys(costs, 0.0)
    equal = dict.fromkeys(costs, True)
    expected: dict[str, list[dict[str, object]]] = {}
    for repeat in range(repeats):
        for contender in present:
            cost = run(contender, photos, folder / "out", words)
            print(f"  run {repeat + 1}, {contender.name}: {cost.seconds:.1f} s", file=sys.stderr, flush=True)
            costs[contender.name].append(cost)
            found = {table: rows(folder / "out" / table) for table in TABLES}
            expected = expected or found
            equal[contender.name] &= found == expected
            largest[contender.name] = max(largest[contender.name], difference(expected, found))
            shutil.rmtree(folder / "out")
    count = len(list(photos.iterdir()))
    measured = []
    for contender in present:
        taken = costs[contender.name]
        seconds = statistics.median(cost.seconds for cost in taken)
        busy = [cost.cpu_seconds for cost in taken if cost.cpu_seconds is not None]
        measured.append(
            Measured(
                contender.name,
                contender.cores,
                contender.is_ray,
                seconds,
                starts[contender.name],
                [round(cost.seconds, 2) for cost in taken],
                count / seconds,
                1000 * statistics.median(busy) / count if busy else None,
                len(expected["faces"]),
                equal[contender.name],
                largest[contender.name],
            )
        )
    return measured


def run(contender: Contender, photos: Path, out: Path, words: list[str]) -> Cost:
    command = [contender.python, "-m", "face_alignment_3d", "batch", str(photos), str(out), *words]
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, *contender.words], cwd=ROOT, env=environment(), stdout=said, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{contender.name} ended with {process.returncode}: {said.read().decode()}")
    # Ray's processes are nobody's children.
    return Cost(seconds, None if contender.is_ray else used.ru_utime + used.ru_stime)


def environment() -> dict[str, str]:
    """That of this process, in which the package of this checkout is found from everywhere."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def rows(table: Path) -> list[dict[str, object]]:
    """The rows of a table, by image and face."""
    found = pq.read_table(table).to_pylist()
    return sorted(found, key=lambda row: (row["image"], row.get("face", 0)))


def difference(
    expected: dict[str, list[dict[str, object]]], found: dict[str, list[dict[str, object]]]
) -> float:
    """The largest distance of two landmarks' coordinates, in pixels; infinite where the faces differ."""
    pairs = list(zip(expected["faces"], found["faces"], strict=False))
    same = len(expected["faces"]) == len(found["faces"])
    if not same or any((one["image"], one["face"]) != (two["image"], two["face"]) for one, two in pairs):
        return float("inf")
    return max(
        (
            float(np.abs(np.asarray(one["landmarks"]) - np.asarray(two["landmarks"])).max())
            for one, two in pairs
        )
    )


if __name__ == "__main__":
    main()
