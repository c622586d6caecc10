"""The time of a face on the CPU, through the public aligner.

    python benchmarks/speed.py

Measures one face with its box given (crop, network, landmarks in the photo), whole photos with detection, and
batches, each with 1 and 2 threads. The photo is scikit-image's astronaut. Prints a table and writes
benchmarks/results/speed.json. Run it on a machine that does nothing else.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data
import torch
from circumstances import circumstances

from face_alignment_3d import FaceAligner3D

RESULTS = Path(__file__).resolve().parent / "results" / "speed.json"
THREADS = (1, 2)
PHOTO_SIDES = (250, 640, 1280)
BATCHES = (1, 8, 32)
WARM_UPS = 10

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call, or of one face of it where ``per`` says so."""

    what: str
    threads: int
    per: str
    runs: int
    median: float
    percentile_5: float
    percentile_95: float


def measure(call: Callable[[], object], *, what: str, threads: int, runs: int, faces: int = 1) -> Timing:
    """Times ``call`` after some calls to warm up; divides by ``faces``."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    milliseconds = np.empty(runs)
    for _ in range(min(WARM_UPS, runs)):
        call()
    for run in range(runs):
        start = time.perf_counter()
        call()
        milliseconds[run] = 1000 * (time.perf_counter() - start) / faces
    low, median, high = (round(float(v), 3) for v in np.percentile(milliseconds, (5, 50, 95)))
    return Timing(what, threads, "call" if faces == 1 else "face", runs, median, low, high)


def resized(photo: Image, side: int) -> Image:
    method = cv2.INTER_AREA if side < max(photo.shape[:2]) else cv2.INTER_LINEAR
    scale = side / max(photo.shape[:2])
    return np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=method), dtype=np.uint8)


def timings(aligner: FaceAligner3D, photo: Image, *, runs: int) -> Iterator[Timing]:
    """All that is measured. Detection and large batches take longer, so they are run less often."""
    (face,) = aligner.detect(photo)
    boxes = face.box[None]
    for threads in THREADS:
        yield measure(
            lambda: aligner.get_landmarks(photo, boxes=boxes),
            what="one face, box given",
            threads=threads,
            runs=runs,
        )
    for threads in THREADS:
        for batch in BATCHES:
            photos, given = [photo] * batch, [boxes] * batch
            yield measure(
                lambda photos=photos, given=given: aligner.get_landmarks_batch(photos, boxes=given),
                what=f"batch of {batch}, boxes given",
                threads=threads,
                runs=max(10, runs // batch),
                faces=batch,
            )
    for threads in THREADS:
        for side in PHOTO_SIDES:
            small_or_large = resized(photo, side)
            if len(aligner.detect(small_or_large)) != 1:
                raise SystemExit(f"expected the detector to find one face in the photo at {side} px")
            yield measure(
                lambda image=small_or_large: aligner.get_landmarks(image),
                what=f"photo of {side} px, with detection",
                threads=threads,
                runs=max(10, runs // 5),
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument("--runs", type=int, default=200, help="of the fastest call; slower ones get fewer")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()

    aligner = FaceAligner3D(args.weights, device="cpu")
    print(f"{'':36}{'threads':>8}{'median ms':>12}{'5 to 95 %':>18}{'runs':>7}")
    results = []
    for timing in timings(aligner, skimage.data.astronaut(), runs=args.runs):
        spread = f"{timing.percentile_5:.2f} to {timing.percentile_95:.2f}"
        what = timing.what if timing.per == "call" else f"{timing.what} (a face)"
        print(f"{what:36}{timing.threads:8d}{timing.median:12.2f}{spread:>18}{timing.runs:7d}", flush=True)
        results.append(asdict(timing))
    content = {**circumstances(args.weights), "unit": "milliseconds", "timings": results}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.output}")


if __name__ == "__main__":
    main()
