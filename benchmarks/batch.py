"""The speed of ``face-alignment-3d batch``: one process against two, and Ray against processes.

Makes photos of mixed sizes, aligns them several times by the command line, compares the tables and prints a
table of Markdown. Each number is the median of ``--repeats`` runs, which are interleaved.

    python benchmarks/batch.py --count 2000 --output benchmarks/results/batch.json
"""

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
import skimage.data
from PIL import Image

from face_alignment_3d.cores import usable_cores
from face_alignment_3d.version import __version__

ROOT: Final = Path(__file__).resolve().parent.parent
#: Longer sides of the photos, in pixels.
SIDES: Final = (250, 400, 640, 1024, 1600, 2400)


@dataclass(frozen=True)
class Contender:
    """A way to run the command."""

    name: str
    words: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="photos (2000)")
    parser.add_argument(
        "--photos", type=Path, help="take these photos, resized; else one that comes with scikit-image"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (3)")
    parser.add_argument("--backend", default="onnx", help="the runtime (onnx)")
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    parser.add_argument("--core-hour", type=float, default=0.04, help="price of a core for an hour (0.04)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        make_photos(photos, args.count, args.photos)
        numbers = measure(photos, Path(folder), args.repeats, args.backend)
    report = {
        "machine": f"{platform.processor() or platform.machine()}, {usable_cores()} cores",
        "version": __version__,
        "backend": args.backend,
        "photos": args.count,
        "core_hour": args.core_hour,
        "runs": numbers,
    }
    print(table(report))
    if args.output is not None:
        args.output.write_text(json.dumps(report, indent=2) + "\n")


def contenders() -> list[Contender]:
    cores = str(usable_cores())
    found = [
        Contender("1 process, 1 thread", ("--workers", "1", "--threads", "1")),
        Contender(f"1 process, {cores} threads", ("--workers", "1", "--threads", cores)),
        Contender(f"{cores} processes, 1 thread each", ("--workers", cores, "--threads", "1")),
    ]
    if find_spec("ray") is not None:
        found.append(
            Contender(f"Ray on this machine, {cores} actors", ("--ray", "local", "--workers", cores))
        )
    return found


def make_photos(folder: Path, count: int, originals: Path | None) -> None:
    """Photos of :data:`SIDES` in turn, the originals cropped and mirrored at random, as JPEG."""
    folder.mkdir()
    random = np.random.default_rng(0)
    files = (
        sorted(path for path in originals.rglob("*") if path.suffix in (".jpg", ".png")) if originals else []
    )
    if originals and not files:
        raise SystemExit(f"no photos in {originals}")
    for index in range(count):
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


def measure(photos: Path, folder: Path, repeats: int, backend: str) -> list[dict[str, object]]:
    """Seconds of each contender, and by how much its landmarks differ from those of the first one."""
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders()}
    largest = dict.fromkeys(seconds, 0.0)
    faces = 0
    expected = None
    for _ in range(repeats):
        for contender in contenders():
            out = folder / "out"
            seconds[contender.name].append(run(photos, out, backend, contender.words))
            found = landmarks(out)
            expected = found if expected is None else expected
            faces = sum(map(len, found.values()))
            largest[contender.name] = max(largest[contender.name], difference(expected, found))
            shutil.rmtree(out)
    count = len(list(photos.iterdir()))
    return [
        {
            "name": name,
            "seconds": statistics.median(times),
            "all_seconds": times,
            "images_per_second": count / statistics.median(times),
            "faces": faces,
            "largest_difference_px": largest[name],
        }
        for name, times in seconds.items()
    ]


def run(photos: Path, out: Path, backend: str, words: tuple[str, ...]) -> float:
    command = [sys.executable, "-m", "face_alignment_3d", "batch", str(photos), str(out)]
    begin = time.perf_counter()
    subprocess.run([*command, "--backend", backend, "--offline", *words], cwd=ROOT, check=True)
    return time.perf_counter() - begin


def landmarks(out: Path) -> dict[str, np.ndarray]:
    """Image -> (F, 66, 3)."""
    found: dict[str, list[np.ndarray]] = {}
    for row in pq.read_table(out / "faces", columns=["image", "face", "landmarks"]).to_pylist():
        found.setdefault(row["image"], []).append(np.reshape(row["landmarks"], (66, 3)))
    return {image: np.stack(faces) for image, faces in found.items()}


def difference(expected: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> float:
    """The largest distance of two landmarks' coordinates, in pixels; infinite where the faces differ."""
    if expected.keys() != found.keys() or any(expected[key].shape != found[key].shape for key in expected):
        return float("inf")
    return max(float(np.abs(expected[key] - found[key]).max()) for key in expected)


def table(report: dict[str, object]) -> str:
    runs = report["runs"]
    assert isinstance(runs, list)
    lines = [
        "| | seconds | images/s | against the first | core hours a million photos | largest difference, px |",
        "|---|---|---|---|---|---|",
    ]
    for entry in runs:
        cores = 1 if entry["name"].startswith("1 process, 1 ") else usable_cores()
        hours = cores * 1e6 / entry["images_per_second"] / 3600
        lines.append(
            f"| {entry['name']} | {entry['seconds']:.1f} | {entry['images_per_second']:.1f} "
            f"| {runs[0]['seconds'] / entry['seconds']:.2f} x | {hours:.1f} "
            f"(at {report['core_hour']} each: {hours * float(str(report['core_hour'])):.2f}) "
            f"| {entry['largest_difference_px']:.2g} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
