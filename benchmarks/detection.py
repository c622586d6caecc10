"""The faces found by angle, size and yaw, the false detections, and the time of detection.

    python benchmarks/detection.py --data ../shared/data --detectors default mtcnn --photos 40

A face counts as found when its landmarks are right: their mean error is below 8 % of the root of the box's
area. Prints a Markdown table and writes it, with all numbers, to ``results/detection.json`` and ``.md``;
``--missed FOLDER`` writes pictures of what was missed and of false faces.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
from detection_photos import (
    Pixels,
    Portrait,
    by_yaw,
    cut,
    portraits,
    sized,
    turned,
    without_people,
)
from provenance import provenance

from face_alignment_3d import Face3D, FaceAligner3D, VideoAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.factory import DetectorName
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.draw import draw_landmarks
from face_alignment_3d.training.detection.held_out import average_precision, held_out_scenes

RESULTS: Final = Path(__file__).resolve().parent / "results"
ROLLS: Final = range(0, 360, 30)
SIZES: Final = (32, 48, 64, 100, 200, 400)
CUTS: Final = (0.15, 0.3)
WIDTHS: Final = (320, 640, 1280, 1920)
_RIGHT: Final = 0.08

Missed = Callable[[str, Pixels, list[Face3D]], None]


def _aligner(name: str, threads: int) -> FaceAligner3D:
    if name == "mtcnn":  # One upright search with its own threshold, unjudged.
        detector = MTCNNDetector(backend="onnx", threads=threads, any_angle=False, threshold=0.9)
        return FaceAligner3D(
            backend="onnx", device="cpu", threads=threads, detector=detector, min_confidence=0
        )
    return FaceAligner3D(
        backend="onnx",
        device="cpu",
        threads=threads,
        detector=None if name == "default" else cast("DetectorName", name),
    )


def is_found(faces: list[Face3D], portrait: Portrait) -> bool:
    """True when one of the faces has the portrait's points."""
    errors = [
        np.linalg.norm(face.landmarks[:, :2] - portrait.points, axis=1).mean() / portrait.side
        for face in faces
    ]
    return min(errors, default=np.inf) < _RIGHT


def _recall(aligner: FaceAligner3D, label: str, photos: list[Portrait], missed: Missed) -> float:
    hits = 0
    for index, portrait in enumerate(photos):
        faces = aligner.detect(portrait.image)
        if is_found(faces, portrait):
            hits += 1
        else:
            missed(f"{label}-{index}", portrait.image, faces)
    return round(100 * hits / max(1, len(photos)), 1)


def _scenes(aligner: FaceAligner3D, data: Path, count: int, missed: Missed) -> dict[str, float]:
    certainty: list[float] = []
    hit: list[bool] = []
    total = false = photos = 0
    for index, scene in enumerate(held_out_scenes(data, count)):
        photos += 1
        faces = sorted(aligner.detect(scene.image), key=lambda face: -face.certainty)
        boxes = np.array([box_around(face.landmarks) for face in faces]).reshape(-1, 4)
        outcomes = scene.outcomes(boxes)
        total += int(scene.counts.sum())
        false += int((outcomes == 0).sum())
        for face, outcome in zip(faces, outcomes.tolist(), strict=True):
            if outcome >= 0:
                certainty.append(face.certainty)
                hit.append(outcome == 1)
        if (outcomes != 0).sum() < scene.counts.sum():
            missed(f"scene-{index}", scene.image, faces)
    return {
        "scenes: average precision": round(
            100 * average_precision(np.array(certainty), np.array(hit, dtype=bool), total), 1
        ),
        "scenes: recall %": round(100 * sum(hit) / max(1, total), 1),
        "scenes: false faces a photo": round(false / max(1, photos), 3),
    }


def _faceless_frame(aligner: FaceAligner3D, data: Path) -> float:
    """Median milliseconds of a frame of 1,280 x 720 without people, where each one is searched."""
    times = []
    for _, image in without_people(data, 8):
        wide = np.asarray(cv2.resize(image, (1280, 720), interpolation=cv2.INTER_LINEAR), np.uint8)
        tracker = VideoAligner3D(aligner, redetection_interval=0.01, detection_interval=0.01)
        for frame in range(12):
            moved = np.roll(wide, frame, axis=1)
            start = time.perf_counter()
            tracker.track(moved, time=frame / 30)
            times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times)), 1)


def measured(aligner: FaceAligner3D, data: Path, count: int, missed: Missed) -> dict[str, float]:
    """Label -> number, of one detector."""
    numbers: dict[str, float] = {}
    given = portraits(data, count)
    for degrees in ROLLS:
        photos = [turned(portrait, degrees) for portrait in given]
        numbers[f"roll {degrees}: found %"] = _recall(aligner, f"roll{degrees}", photos, missed)
    for pixels in SIZES:
        photos = [sized(portrait, pixels) for portrait in given]
        numbers[f"{pixels} px: found %"] = _recall(aligner, f"size{pixels}", photos, missed)
    for share in CUTS:
        photos = [cut(portrait, share, index % 4) for index, portrait in enumerate(given)]
        numbers[f"{share:.0%} cut off: found %"] = _recall(aligner, f"cut{share}", photos, missed)
    yaws: dict[str, list[Portrait]] = {}
    for yaw, portrait in by_yaw(data, count):
        yaws.setdefault(yaw, []).append(portrait)
    for yaw, photos in yaws.items():
        numbers[f"yaw {yaw}: found %"] = _recall(aligner, f"yaw{yaw}", photos, missed)
    false = seen = 0
    for name, image in without_people(data, count):
        faces = aligner.detect(image)
        seen, false = seen + 1, false + len(faces)
        if faces:
            missed(f"false-{name}", image, faces)
    numbers["everyday: false faces per 1,000 photos"] = round(1000 * false / max(1, seen), 1)
    numbers |= _scenes(aligner, data, count, missed)
    for width in WIDTHS:
        photo, size = sized(given[0], 200).image, (width, width * 3 // 4)
        image = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
        times = []
        for _ in range(7):
            start = time.perf_counter()
            aligner.detect(image)
            times.append(time.perf_counter() - start)
        numbers[f"{width} px photo: ms"] = round(1000 * float(np.median(times)), 1)
    numbers["video of 1280 px without a face, searched in every frame: ms"] = _faceless_frame(aligner, data)
    # Of the process, so that of the first detector alone says what it needs.
    numbers["peak memory of the process, MB"] = round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )
    return numbers


def markdown(results: Mapping[str, Mapping[str, float]]) -> str:
    """A table with a row for each number and a column for each detector."""
    labels = list(next(iter(results.values())))
    rows = [["", *results], ["---", *["---:"] * len(results)]]
    rows += [[label, *(f"{numbers[label]:g}" for numbers in results.values())] for label in labels]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--detectors",
        nargs="+",
        default=["default"],
        choices=["default", "combined", "scout", "mtcnn", "centerface"],
    )
    parser.add_argument("--photos", type=int, default=400, help="at most so many of each kind")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--missed", type=Path, help="folder for pictures of what is missed")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "detection.json")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.detectors:

        def missed(label: str, image: Pixels, faces: list[Face3D], name: str = name) -> None:
            if arguments.missed is not None:
                arguments.missed.mkdir(parents=True, exist_ok=True)
                drawn = draw_landmarks(image, faces, boxes=True)
                cv2.imwrite(str(arguments.missed / f"{name}-{label}.png"), drawn[:, :, ::-1])

        aligner = _aligner(name, arguments.threads)
        results[name] = measured(aligner, arguments.data, arguments.photos, missed)
    table = markdown(results)
    print(table)
    record = {"results": results, "photos": arguments.photos, **provenance("lite")}
    arguments.output.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    arguments.output.with_suffix(".md").write_text(table, "utf-8")


if __name__ == "__main__":
    main()
