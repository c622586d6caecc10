"""All faces of 813 photos of WIDER FACE, tiny, blurred and hidden ones too, at several thresholds.

    python benchmarks/crowds.py --data ../shared/data

For each detector and ``min_confidence``: average precision and recall of the faces from 40, 25 and 8 pixels
of height on, which are about as many as those that the set calls easy, medium and hard, and the false faces
of everyday photos without people. Nine tenths of the scenes are among those that the scout is trained on;
``benchmarks/detection.py`` has the held-out tenth, without heavily blurred or hidden faces. Writes
``results/crowds.json`` and ``.md``.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from detection_photos import without_people
from provenance import provenance

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
from face_alignment_3d.detection.factory import DetectorName
from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.archives import read_arrays
from face_alignment_3d.training.detection.held_out import Scene, average_precision
from face_alignment_3d.training.detection.labelling import SCENES

RESULTS: Final = Path(__file__).resolve().parent / "results" / "crowds.json"
DETECTORS: Final[tuple[DetectorName, ...]] = ("combined", "scout", "centerface")
HEIGHTS: Final = (40, 25, 8)
THRESHOLDS: Final = (MIN_CONFIDENCE, 0.1, 0.05, 0.0)
_INVALID: Final = 3

Floats = npt.NDArray[np.float64]


def found_in_scenes(aligner: FaceAligner3D, data: Path) -> tuple[Floats, npt.NDArray[np.int64], list[int]]:
    """Certainty (D,) of the faces found, their outcomes (D, heights), and the count of each height."""
    labels = read_arrays(data / f"{SCENES}.npz", ["names", "photo", "boxes", "flags"])
    certainty: list[Floats] = []
    outcomes: list[npt.NDArray[np.int64]] = []
    totals = np.zeros(len(HEIGHTS), np.int64)
    for place, name in enumerate(labels["names"]):
        members = labels["photo"] == place
        boxes = labels["boxes"][members].astype(np.float64)
        valid = labels["flags"][members][:, _INVALID] == 0
        image = as_rgb(data / SCENES / f"{name}.webp")
        faces = sorted(aligner.detect(image), key=lambda face: -face.certainty)
        own = np.array([box_around(face.landmarks) for face in faces]).reshape(-1, 4)
        scene = Scene(image, boxes, valid)
        counts = [valid & (boxes[:, 3] - boxes[:, 1] >= height) for height in HEIGHTS]
        totals += [count.sum() for count in counts]
        certainty.append(np.array([face.certainty for face in faces]))
        outcomes.append(
            np.stack([dataclasses.replace(scene, counts=count).outcomes(own) for count in counts], axis=1)
        )
    return np.concatenate(certainty), np.concatenate(outcomes), totals.tolist()


def measured(aligner: FaceAligner3D, data: Path) -> dict[str, dict[str, float]]:
    """The numbers of each threshold, for an aligner that returns everything."""
    certainty, outcomes, totals = found_in_scenes(aligner, data)
    everyday = [face.certainty for _, image in without_people(data, 400) for face in aligner.detect(image)]
    scenes = len(read_arrays(data / f"{SCENES}.npz", ["names"])["names"])
    results = {}
    for threshold in THRESHOLDS:
        numbers: dict[str, float] = {}
        above = certainty >= threshold
        for column, (height, total) in enumerate(zip(HEIGHTS, totals, strict=True)):
            counted = above & (outcomes[:, column] >= 0)
            hit = outcomes[counted, column] == 1
            numbers[f"from {height} px: AP"] = round(
                100 * average_precision(certainty[counted], hit, total), 1
            )
            numbers[f"from {height} px: recall %"] = round(100 * float(hit.sum()) / total, 1)
        numbers["false a scene"] = round(float((outcomes[above, 0] == 0).sum()) / scenes, 3)
        numbers["false in everyday photos"] = sum(value >= threshold for value in everyday)
        results[f"{threshold:g}"] = numbers
    return results


def markdown(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """A table with a row for each detector and threshold."""
    labels = list(next(iter(next(iter(results.values())).values())))
    rows = [["detector", "`min_confidence`", *labels], ["---"] * (len(labels) + 2)]
    for name, of_thresholds in results.items():
        for threshold, numbers in of_thresholds.items():
            rows.append([name, threshold, *(f"{numbers[label]:g}" for label in labels)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with wider_train/ and everyday/")
    parser.add_argument("--detectors", nargs="+", default=DETECTORS, choices=[*DETECTORS, "mtcnn"])
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = {}
    for name in arguments.detectors:
        aligner = FaceAligner3D(backend="onnx", device="cpu", detector=name, min_confidence=0)
        results[name] = measured(aligner, arguments.data)
    table = markdown(results)
    print(table)
    record = {"results": results, **provenance("lite")}
    arguments.output.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    arguments.output.with_suffix(".md").write_text(table, "utf-8")


if __name__ == "__main__":
    main()
