"""All faces of 813 photos of WIDER FACE, tiny, blurred and hidden ones too, at several thresholds.

    python benchmarks/crowds.py --data ../shared/data

For each detector and ``min_confidence``: average precision and recall of the faces from 40, 25 and 8 pixels
of height on, which are about as many as those that the set calls easy, medium and hard, and the false faces
of everyday photos without people. Nine tenths of the scenes are among those that the scout is trained on;
``benchmarks/detection.py`` has the held-out tenth, without heavily blurred or hidden faces. Writes
``results/crowds.json`` and ``.md``.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from detection_photos import without_people
from provenance import provenance

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
from face_alignment_3d.detection.factory import DetectorName
from face_alignment_3d.training.detection.held_out import all_scenes, average_precision
from face_alignment_3d.training.evaluation.tables import Table

RESULTS: Final = Path(__file__).resolve().parent / "results" / "crowds.json"
DETECTORS: Final[tuple[DetectorName, ...]] = ("combined", "scout", "centerface")
HEIGHTS: Final = (40, 25, 8)
THRESHOLDS: Final = (MIN_CONFIDENCE, 0.1, 0.05, 0.0)


def measured(aligner: FaceAligner3D, data: Path) -> dict[str, dict[str, float]]:
    """The numbers of each threshold, for an aligner that returns everything."""
    certainties: list[float] = []
    found: list[float] = []  # The height of the face that it is, 0 for none, -1 for an invalid one.
    heights: list[float] = []
    scenes = 0
    for scene in all_scenes(data):
        scenes += 1
        of_scene = np.where(scene.counts, scene.heights(), -1)
        faces = sorted(aligner.detect(scene.image), key=lambda face: -face.certainty)
        own = np.array([box_around(face.landmarks) for face in faces]).reshape(-1, 4)
        found += [0.0 if face < 0 else of_scene[face] for face in scene.matched(own).tolist()]
        certainties += [face.certainty for face in faces]
        heights += of_scene.tolist()
    everyday = [face.certainty for _, image in without_people(data, 400) for face in aligner.detect(image)]
    certainty, height = np.array(certainties), np.array(found)
    results = {}
    for threshold in THRESHOLDS:
        numbers: dict[str, float] = {}
        above = certainty >= threshold
        for least in HEIGHTS:
            total = int((np.array(heights) >= least).sum())
            counted = above & ((height >= least) | (height == 0))
            is_hit = height[counted] > 0
            precision = average_precision(certainty[counted], is_hit, total)
            numbers[f"from {least} px: AP"] = round(100 * precision, 1)
            numbers[f"from {least} px: recall %"] = round(100 * float(is_hit.sum()) / total, 1)
        numbers["false a scene"] = round(float((height[above] == 0).sum()) / scenes, 3)
        numbers["false in everyday photos"] = sum(value >= threshold for value in everyday)
        results[f"{threshold:g}"] = numbers
    return results


def table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """A row for each detector and threshold."""
    rows = tuple(
        (name, (threshold, *(f"{number:g}" for number in numbers.values())))
        for name, of_thresholds in results.items()
        for threshold, numbers in of_thresholds.items()
    )
    labels = next(iter(next(iter(results.values())).values()))
    return Table("detector", ("`min_confidence`", *labels), rows)


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
    shown = table(results).markdown()
    print(shown)
    record = {"results": results, **provenance("lite")}
    arguments.output.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    arguments.output.with_suffix(".md").write_text(shown + "\n", "utf-8")


if __name__ == "__main__":
    main()
