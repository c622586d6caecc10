"""Memory and open files over long runs on each runtime: crops, frames of a video, photos of mixed sizes.

    nice -n 15 python benchmarks/long_runs.py --parts /tmp/long_runs --output benchmarks/results/long_runs

Each run is a process of its own on one thread. 100,000 crops are those of 1 to 16 faces in given boxes. The
video of 20,000 frames has a face that moves, leaves and comes back, between cuts. The 1,000 photos have sides
of 200 to 2,000 pixels and up to 36 faces. The default detector finds those of video and photos. Writes
``.json`` with the curves, ``.md`` with the table and ``.png`` with the picture, and ends with exit code 1
when a process has more memory at the end than is allowed beyond that of its beginning, or more open files.
Runs that are in the folder ``--parts`` are not repeated. Reads Linux's /proc.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from face_alignment_3d import FaceAligner3D, VideoAligner3D

ROOT: Final = Path(__file__).resolve().parent.parent
BACKENDS: Final = ("onnx", "torch")
_SAMPLES: Final = 200
_FACE: Final = np.array([179.0, 90, 268, 178])
"""In scikit-image's astronaut of 512 x 512 pixels."""
_MOST_FACES: Final = 16
_FRAME: Final = (240, 320)
_SHOT: Final = 400
"""Frames between cuts."""

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Task:
    """The kind of work that a process repeats."""

    count: int
    weights: str
    beginning: float
    """The share of the run after which memory may grow no more than ``allowed``."""
    allowed: float
    """Megabytes (10^6 bytes)."""


TASKS: Final = {
    "crops": Task(100_000, "nano", 0.1, 20),
    "frames": Task(20_000, "nano", 0.1, 20),
    "photos": Task(1_000, "lite", 0.02, 50),
}


@dataclass(frozen=True)
class Run:
    """One process: what it did, and what it held at :data:`_SAMPLES` moments."""

    task: str
    backend: str
    weights: str
    done: list[int]
    """Crops or frames until then."""
    megabytes: list[float]
    """Resident memory, 10^6 bytes. The system may take back that of files."""
    private: list[float]
    """Memory that is of no file, resident or swapped out, 10^6 bytes: what a leak adds to."""
    open_files: list[int]
    faces: int
    """Faces that were returned, in all."""

    @property
    def growth(self) -> float:
        """Megabytes at the end beyond those of the beginning: resident or private, whichever is more."""
        return max(curve[-1] - curve[self._beginning] for curve in (self.megabytes, self.private))

    @property
    def new_files(self) -> int:
        """Open files at the end beyond those of the beginning."""
        return self.open_files[-1] - self.open_files[self._beginning]

    @property
    def is_flat(self) -> bool:
        return self.growth <= TASKS[self.task].allowed and self.new_files <= 0

    @property
    def _beginning(self) -> int:
        first = self.done[-1] * TASKS[self.task].beginning
        return next(i for i, done in enumerate(self.done) if done >= first)

    def row(self) -> str:
        """A line of the table."""
        first = self._beginning
        return (
            f"| {self.done[-1]:,} {self.task} | {self.backend} | {self.weights} | "
            f"{self.done[first]:,} | {self.megabytes[first]:.1f} | {self.megabytes[-1]:.1f} | "
            f"{self.growth:+.1f} ({TASKS[self.task].allowed:g}) | {max(self.megabytes):.1f} | "
            f"{self.private[first]:.1f} / {self.private[-1]:.1f} | "
            f"{self.open_files[first]} / {self.open_files[-1]} |"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, task in TASKS.items():
        parser.add_argument(f"--{name}", type=int, default=task.count, help=f"of a run ({task.count:,})")
    parser.add_argument("--weights", help="name or path (lite for photos, else nano)")
    parser.add_argument("--output", type=Path, help="write .json, .md and .png with this stem")
    parser.add_argument("--parts", type=Path, help="keep each finished run in this folder, and go on there")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        name, backend = args.worker
        print(json.dumps(asdict(measure(name, backend, args.weights, getattr(args, name)))))
        return 0
    runs = []
    for name, task in TASKS.items():
        for backend in BACKENDS:
            part = None if args.parts is None else args.parts / f"{name}-{backend}.json"
            weights = args.weights or task.weights
            runs.append(in_a_process(name, backend, weights, getattr(args, name), part))
            print(runs[-1].row(), flush=True)
    if args.output is not None:
        write(runs, args.output)
    return 0 if all(run.is_flat for run in runs) else 1


def in_a_process(task: str, backend: str, weights: str, count: int, part: Path | None) -> Run:
    """:func:`measure` in a process of its own, in which OpenMP has one thread, or its result in ``part``."""
    if part is not None and part.exists():
        return Run(**json.loads(part.read_text()))
    command = [sys.executable, __file__, "--worker", task, backend, "--weights", weights]
    done = subprocess.run(
        [*command, f"--{task}", str(count)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if part is not None:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(done.stdout)
    return Run(**json.loads(done.stdout))


def measure(task: str, backend: Literal["onnx", "torch"], weights: str, count: int) -> Run:
    """Runs a task in this process."""
    cv2.setNumThreads(1)
    threads = 1 if backend == "onnx" else None
    aligner = FaceAligner3D(weights, backend=backend, device="cpu", threads=threads)
    work = {"crops": aligned_crops, "frames": tracked_frames, "photos": searched_photos}[task]
    run = Run(task, backend, weights, [], [], [], [], 0)
    faces = done = 0
    for step, found in work(aligner, count):
        done += step
        faces += found
        if done >= count * (len(run.done) + 1) / _SAMPLES:
            run.done.append(done)
            resident, private = memory()
            run.megabytes.append(resident)
            run.private.append(private)
            run.open_files.append(len(os.listdir("/proc/self/fd")) - 1)  # noqa: PTH208 - less that of this list.
            print(task, backend, done, resident, private, run.open_files[-1], file=sys.stderr, flush=True)
    return Run(**{**asdict(run), "faces": faces})


def aligned_crops(aligner: FaceAligner3D, count: int) -> Iterator[tuple[int, int]]:
    """(crops, faces) of each photo."""
    chance = np.random.default_rng(0)
    done = 0
    while done < count:
        faces = min(int(chance.integers(1, _MOST_FACES + 1)), count - done)
        scale = float(chance.uniform(0.3, 1.5))
        sized = cv2.resize(photo(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes = scale * (_FACE + chance.uniform(-8, 8, (faces, 1)))
        yield faces, len(aligner.get_landmarks(sized, boxes=boxes))
        done += faces


def tracked_frames(aligner: FaceAligner3D, count: int) -> Iterator[tuple[int, int]]:
    """(1, faces) of each frame."""
    tracker = VideoAligner3D(aligner)
    for index in range(count):
        yield 1, len(tracker.track(frame_of(index)))


def searched_photos(aligner: FaceAligner3D, count: int) -> Iterator[tuple[int, int]]:
    """(1, faces) of each photo: the portrait in rows and columns, as large as sides of 200 to 2,000 allow."""
    chance = np.random.default_rng(0)
    for _ in range(count):
        height, width = chance.integers(200, 2001, 2).tolist()
        rows, columns = chance.integers(1, 7, 2).tolist()
        small = cv2.resize(photo()[:300, 80:380], (width // columns, height // rows))
        tiled = np.full((height, width, 3), 90, np.uint8)
        tiles = np.tile(small, (rows, columns, 1))
        tiled[: tiles.shape[0], : tiles.shape[1]] = tiles
        yield 1, len(aligner.get_landmarks(tiled))


def frame_of(index: int) -> Rgb:
    """Frame ``index`` of the video. In every fifth shot nobody is to be seen."""
    shot, moment = divmod(index, _SHOT)
    height, width = _FRAME
    if shot % 5 == 4:
        return np.full((height, width, 3), 40 + 30 * (shot % 7), np.uint8)
    phase = 2 * np.pi * moment / 120
    scale = 0.8 + 0.15 * np.sin(phase / 3 + shot)
    # Half the way the face is beyond the border.
    x = width * (0.5 + 0.45 * np.sin(phase / 2)) - scale * _FACE[[0, 2]].mean()
    y = height * 0.5 + 20 * np.cos(phase) - scale * _FACE[[1, 3]].mean()
    moved = cv2.warpAffine(
        photo(),
        np.array([[scale, 0, x], [0, scale, y]]),
        (width, height),
        borderMode=cv2.BORDER_REFLECT if shot % 2 else cv2.BORDER_CONSTANT,
    )
    return np.asarray(moved, np.uint8)


@functools.cache
def photo() -> Rgb:
    return np.asarray(skimage.data.astronaut())


def memory() -> tuple[float, float]:
    """Resident and private megabytes of this process."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    resident, anonymous, swapped = (int(lines[k].split()[0]) for k in ("VmRSS", "RssAnon", "VmSwap"))
    return round(resident * 1.024e-3, 2), round((anonymous + swapped) * 1.024e-3, 2)


def write(runs: Sequence[Run], stem: Path) -> None:
    """The curves, the table and the picture."""
    from provenance import provenance

    source: dict[str, Any] = provenance(runs[0].weights)
    stem.with_suffix(".json").write_text(
        json.dumps({"provenance": source, "runs": [asdict(run) for run in runs]}, separators=(",", ":"))
        + "\n"
    )
    lines = [
        "# Long runs",
        "",
        f"Printed by `{source['command']}`: every run in a process of its own, on one thread.",
        "MB are 10^6 bytes of resident memory; private is what is of no file. Growth is from the beginning",
        "to the end, resident or private, with what is allowed in brackets; open files may not become more.",
        "",
        "| run | runtime | weights | beginning | MB | end | growth | most | private, then / end | files |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(run.row() for run in runs),
        "",
        f"![Resident memory over the runs]({stem.name}.png)",
        "",
    ]
    stem.with_suffix(".md").write_text("\n".join(lines))
    draw(runs).save(stem.with_suffix(".png"), optimize=True)


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 1100, 460, 70, 210, 50, 50
_ZOOM = 2
_INK, _GRID = (50, 50, 55), (222, 222, 226)
_COLORS = ((0, 90, 180), (200, 80, 30), (0, 140, 110), (150, 60, 150), (90, 140, 30), (180, 40, 90))


def draw(runs: Sequence[Run]) -> Image.Image:
    """Megabytes over the share of the run that is done, a line for each run; RGB."""
    picture = Image.new("RGB", (_WIDTH * _ZOOM, _HEIGHT * _ZOOM), "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(13 * _ZOOM)
    most = 100 * (int(max(max(run.megabytes) for run in runs) / 100) + 1)

    def place(share: float, megabytes: float) -> tuple[float, float]:
        x = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        return x * _ZOOM, (_HEIGHT - _BOTTOM - megabytes / most * (_HEIGHT - _TOP - _BOTTOM)) * _ZOOM

    pen.text((20 * _ZOOM, 22 * _ZOOM), "resident memory, MB", _INK, font, anchor="lm")
    for level in range(0, most + 1, 100):
        pen.line([place(0, level), place(1, level)], _GRID, _ZOOM)
        x, y = place(0, level)
        pen.text((x - 8 * _ZOOM, y), str(level), _INK, font, anchor="rm")
    for tenth in range(0, 11, 2):
        x, y = place(tenth / 10, 0)
        pen.text((x, y + 18 * _ZOOM), f"{tenth * 10} %", _INK, font, anchor="mm")
    names = []
    for run, color in zip(runs, _COLORS, strict=False):
        points = [place(done / run.done[-1], mb) for done, mb in zip(run.done, run.megabytes, strict=True)]
        pen.line(points, color, 2 * _ZOOM)
        names.append((points[-1][1], f"{run.done[-1]:,} {run.task}, {run.backend}", color))
    y = 0.0
    for end, name, color in sorted(names):
        y = max(end, y + 18 * _ZOOM)  # Names do not cover one another.
        pen.text(((_WIDTH - _RIGHT + 10) * _ZOOM, y), name, color, font, anchor="lm")
    return picture.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    sys.exit(main())
