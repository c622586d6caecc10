"""The accuracy that the model card states: AFW, from given boxes and with the library's own detector.

    python benchmarks/accuracy.py --data ../shared/data

AFW is in no training set. Choose nothing by these numbers: ``evaluate --dataset holdout`` is for that. Prints
them and writes them to benchmarks/results/accuracy.json, with the weights' SHA-256 and the machine.
"""

import argparse
import json
import sys
from pathlib import Path

from circumstances import circumstances
from tqdm import tqdm

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.training.evaluation import evaluate
from face_alignment_3d.training.evaluation_report import Report
from face_alignment_3d.training.evaluation_sets import open_dataset
from face_alignment_3d.training.evaluation_table import table
from face_alignment_3d.training.face_model import load_face_model
from face_alignment_3d.training.lifting import lift

RESULTS = Path(__file__).resolve().parent / "results" / "accuracy.json"


def stated(report: Report, dataset: str) -> dict[str, float]:
    """The numbers for the manifest and the model card; each name says data set, boxes, measure and unit."""
    detector = report.detector
    numbers = {
        "given boxes, inner-49 NME, %": report.given.inner_mean,
        "given boxes, failures over 8 %, %": report.given.failures,
        "given boxes, all-66 2D NME, %": report.given.all_points_mean,
        "given boxes, AUC to 8 %, %": report.given.area_under_curve,
        "own detector, faces found, %": detector.found,
        "confidence against error, rank correlation": report.confidence.points,
    }
    if detector.errors is not None and detector.relative_change is not None:
        numbers["own detector, inner-49 NME of the faces found, %"] = detector.errors.inner_mean
        numbers["own detector, change of NME against given boxes, %"] = detector.relative_change
    return {f"{dataset}, {name}": round(number, 4) for name, number in numbers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/ and models/")
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dataset", default="afw", help="another one to try this script without AFW")
    parser.add_argument("--limit", type=int, help="that many photos only; for the same purpose")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()

    photos = open_dataset(args.data, args.dataset, limit=args.limit)
    aligner = FaceAligner3D(args.weights, device=args.device)
    lifted = lift(photos.points68, load_face_model(args.data))
    with tqdm(total=len(photos.names), unit="photo", file=sys.stderr, disable=None) as bar:
        report = evaluate(aligner, photos, lifted, progress=bar.update).report
    name = args.dataset if args.limit is None else f"{args.dataset} ({len(photos.names)} photos)"
    metrics = stated(report, name)
    print(table(report))
    print()
    for label, number in metrics.items():
        print(f"{label}: {number:.2f}")
    content = {**circumstances(args.weights), "device": args.device, "metrics": metrics, **report.as_dict()}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print(f"wrote {args.output}")


if __name__ == "__main__":
    main()
