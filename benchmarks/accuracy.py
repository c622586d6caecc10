"""The accuracy that the model card states, beside MediaPipe's on the same photos with the same metrics.

    python benchmarks/accuracy.py --data ../shared/data --derived-data DERIVED

Measures what --data holds of the published benchmarks AFLW2000-3D (aflw2000_dev.npz) and MERL-RAV
(aflw_dev.npz), as their papers do, and AFW (hand-made points). With --derived-data also AFW turned out of
plane, a test of consistency whose labels `face-alignment-3d train-data synthesize-views` made, and
AFLW2000-3D in its own markup. None of them is in a training set. Choose nothing by these numbers: --dataset
holdout is for that.

MediaPipe takes no boxes, so it has two lines: on the photo with its own detector, and on a crop around the
given box. It runs in an environment of its own below build/peers, made the first time.

Prints the numbers and writes them to benchmarks/results/accuracy.json, with the weights' SHA-256 and the
machine, and as Markdown to accuracy.md beside it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from peers.mediapipe_faces import VERSION, MediaPipe, installed
from provenance import provenance
from tqdm import tqdm

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.training.evaluation.benchmark_sets import AFLW2000, MERL_RAV
from face_alignment_3d.training.evaluation.evaluate import Evaluation, evaluate
from face_alignment_3d.training.evaluation.published import PUBLISHED, PublishedReport
from face_alignment_3d.training.evaluation.report import FoundReport, Report
from face_alignment_3d.training.evaluation.sets import open_labelled
from face_alignment_3d.training.evaluation.summary import summarize_found
from face_alignment_3d.training.evaluation.tables import comparison_markdown, markdown, text
from face_alignment_3d.training.evaluation.truth import LabelledSet

RESULTS = Path(__file__).resolve().parent / "results" / "accuracy.json"
CHUNK = 32
_OVER = {"eyes_2d": "", "eyes_3d": " over the 3D eye distance", "box": " of visible points over their box"}
BOTH_BY_TENTH = ("shift and scale", 0.1)


def stated(report: Report, dataset: str) -> dict[str, float]:
    """The numbers for the manifest and the model card; each name says data set, boxes, measure and unit."""
    detector = report.detector
    eyes = _OVER[report.normalizer]
    (perturbed,) = (row for row in report.perturbed if (row.kind, row.level) == BOTH_BY_TENTH)
    numbers = {
        f"given boxes, inner-49 NME{eyes}, %": report.given.inner_mean,
        "given boxes, failures over 8 %, %": report.given.failures,
        f"given boxes, all-66 2D NME{eyes}, %": report.given.all_points_mean,
        "given boxes, all-66 2D NME over the box, %": report.given.box_mean,
        "given boxes, AUC to 8 %, %": report.given.area_under_curve,
        "boxes shifted and scaled by 10 %, change of NME, %": perturbed.relative_change,
        "own detector, faces found, %": detector.found,
        "confidence against error, rank correlation": report.confidence.points,
    }
    if detector.errors is not None and detector.relative_change is not None:
        numbers[f"own detector, inner-49 NME{eyes} of the faces found, %"] = detector.errors.inner_mean
        numbers["own detector, change of NME against given boxes, %"] = detector.relative_change
    if report.three_d is not None and report.three_d.labels == "set":
        numbers["given boxes, GTE xyz (3D normalizer), %"] = report.three_d.gte["eyes_3d"]["xyz"]
        for group in report.yaw.groups:
            if group.errors is not None:
                label = f"given boxes, all-66 2D NME over the box, yaw {group.low:g}-{group.high:g}, %"
                numbers[label] = group.errors.box_mean
    return {f"{dataset}, {name}": round(number, 4) for name, number in numbers.items()}


def stated_published(report: PublishedReport, dataset: str) -> dict[str, float]:
    """The numbers of a benchmark's protocols for the manifest and the model card, named likewise."""
    numbers: dict[str, float | None] = {}
    for column, errors in report.errors.items():
        if column in PUBLISHED:
            continue
        for label, grouped in (
            ("all-66 2D NME over the box", errors.nme_2d),
            ("all-66 3D NME over the box", errors.nme_3d),
            ("all-66 2D NME over the box, re-annotated points", errors.reannotated),
            ("visible points over the reference box", errors.visible),
            ("visible inner points over the reference box", errors.visible_inner),
        ):
            if grouped is not None:
                numbers[f"{column}, {label}, mean of the groups, %"] = grouped.mean
                for name, value in zip(report.group_names, grouped.groups, strict=True):
                    numbers[f"{column}, {label}, {name}, %"] = value
        numbers[f"{column}, GTE xyz (3D normalizer), %"] = errors.gte_xyz
        numbers[f"{column}, GTE z (3D normalizer), %"] = errors.gte_z
        if errors.rotation is not None:
            numbers[f"{column}, rotation against the labels' points, degrees"] = errors.rotation.geodesic
            numbers[f"{column}, pitch bias within 30 degrees of yaw, degrees"] = errors.rotation.pitch_bias
            numbers[f"{column}, spread of pitch over the labels'"] = errors.rotation.pitch_spread
        if errors.angles is not None:
            numbers[f"{column}, the set's angles, mean absolute error, degrees"] = errors.angles.mean
    if report.visibility is not None:
        by = f"by {report.visibility.source}"
        numbers[f"visible against self-occluded {by}, AUC"] = report.visibility.auc_self_occluded
        numbers[f"visible against hidden {by}, AUC"] = report.visibility.auc_hidden
        numbers[f"visibility {by}, calibration error"] = report.visibility.calibration_error
    return {f"{dataset}, {name}": round(value, 4) for name, value in numbers.items() if value is not None}


def default_sets(data: Path, derived_data: Path | None) -> list[str]:
    """The data sets that are available, the published benchmarks first."""
    names = [
        name
        for name, file in ((AFLW2000, "aflw2000_dev.npz"), (MERL_RAV, "aflw_dev.npz"))
        if (data / file).is_file()
    ]
    return [*names, "afw", *([] if derived_data is None else ["afw-novel-views"])]


def compare(evaluation: Evaluation, labelled: LabelledSet, mediapipe: MediaPipe) -> dict[str, FoundReport]:
    """The library's two ways and MediaPipe's two, each with the errors of the faces that it found."""
    truth, said = labelled.truth, evaluation.predictions
    boxes = truth.boxes
    in_photos, in_crops = [], []
    for start in tqdm(range(0, len(truth), CHUNK), unit="chunk", file=sys.stderr, disable=None):
        stop = min(start + CHUNK, len(truth))
        images = [labelled.image(index) for index in range(start, stop)]
        in_photos += mediapipe.in_photos(images, boxes[start:stop])
        in_crops += mediapipe.in_crops(images, boxes[start:stop])
    lines: dict[str, list[npt.NDArray[np.float32] | None]] = {
        "given boxes": [face.landmarks for face in said.given],
        "own detector": [None if face is None else face.landmarks for face in said.found],
        f"MediaPipe {VERSION}, own detector": in_photos,
        f"MediaPipe {VERSION}, crop around the given box": in_crops,
    }
    reports = {label: summarize_found(truth, landmarks) for label, landmarks in lines.items()}
    # A peer that misses the hard faces has the smaller mean: the same faces, both ways.
    for label, theirs in (("own detector", in_photos), ("crop", in_crops)):
        kept = np.array([points is not None for points in theirs])
        if kept.any():
            ours = [face.landmarks for face, keep in zip(said.given, kept, strict=True) if keep]
            name = f"given boxes, on the faces that MediaPipe found ({label})"
            reports[name] = summarize_found(truth.subset(kept), ours)
    return reports


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/ and models/")
    parser.add_argument(
        "--derived-data",
        type=Path,
        help="folder that `train-data synthesize-views` wrote; adds afw-novel-views",
    )
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dataset", action="append", help="others than AFW, to try this script without it")
    parser.add_argument("--limit", type=int, help="that many photos of each only; for the same purpose")
    parser.add_argument("--without-mediapipe", action="store_true")
    parser.add_argument(
        "--mediapipe-python", default=sys.executable, help="a Python 3.9 to 3.12, for MediaPipe's environment"
    )
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()

    aligner = FaceAligner3D(args.weights, device=args.device)
    names = args.dataset or default_sets(args.data, args.derived_data)
    command = None if args.without_mediapipe else installed(args.mediapipe_python)
    reports: dict[str, Report] = {}
    sets: dict[str, dict[str, Any]] = {}
    metrics: dict[str, float] = {}
    comparisons = []
    for name in names:
        labelled = open_labelled(name, data=args.data, derived_data=args.derived_data, limit=args.limit)
        with tqdm(total=len(labelled.truth), unit="photo", file=sys.stderr, disable=None) as bar:
            evaluation = evaluate(aligner, labelled, progress=bar.update)
        report = reports[name] = evaluation.report
        print(f"{name}, {len(labelled.truth)} photos, set {labelled.digest}\n{text(report)}\n")
        title = name if args.limit is None else f"{name} ({len(labelled.truth)} photos)"
        metrics |= stated(report, title)
        if report.published is not None:
            metrics |= stated_published(report.published, title)
        sets[name] = {"sha256": labelled.digest, "note": labelled.note, **report.as_dict()}
        if command is not None:
            with MediaPipe(command=command) as mediapipe:
                lines = compare(evaluation, labelled, mediapipe)
            sets[name] = {
                **sets[name],
                "comparison": {label: line.as_dict() for label, line in lines.items()},
            }
            compared = comparison_markdown(lines)
            print(compared)
            comparisons.append(f"{name}, {len(labelled.truth)} faces\n\n{compared}")
    for label, number in metrics.items():
        print(f"{label}: {number:.2f}")
    content = {
        **provenance(args.weights),
        "device": args.device,
        "limit": args.limit,
        "metrics": metrics,
        "sets": sets,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    tables = args.output.with_suffix(".md")
    tables.write_text("\n".join([markdown(reports), *comparisons]), encoding="utf-8")
    print(f"wrote {args.output} and {tables}")


if __name__ == "__main__":
    main()
