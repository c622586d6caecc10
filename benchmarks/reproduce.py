"""Checks, on a fraction of the work, that the documented commands still give the release's results.

    python benchmarks/reproduce.py --data ../shared/data              # compares with the recorded results
    python benchmarks/reproduce.py --data ../shared/data --record     # records them anew

Runs ``train-data fuse-labels``, ``train-data synthesize-views`` on a dozen photos of each set and ``train
lite`` for 100 steps, into a temporary folder: some minutes on two cores. Points may differ by 0.1 px from the
recorded ones, and held-out errors by a tenth, for other processors and other versions of torch and OpenCV
round differently.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from provenance import provenance

RESULTS = Path(__file__).resolve().parent / "results" / "reproduction.json"
STEPS = 100
PHOTOS = 12
PIXELS, RELATIVE = 0.1, 0.1


def command(*words: object) -> None:
    print("face-alignment-3d", *words, flush=True)
    subprocess.run([sys.executable, "-m", "face_alignment_3d", *map(str, words)], check=True)


def make(data: Path, out: Path) -> dict[str, Any]:
    """Runs the commands; what they made, as short lists of numbers."""
    derived = out / "derived"
    command("train-data", "fuse-labels", "--data", data, "--out", derived, "--device", "cpu")
    command("train-data", "synthesize-views", "--data", data, "--out", derived, "--limit", PHOTOS)
    command(
        *("train", "lite", "--data", data, "--derived-data", derived, "--out", out / "lite"),
        *("--steps", STEPS, "--device", "cpu"),
    )
    labels = np.load(derived / "fused_labels.npz")
    views = np.load(derived / "novel_views" / "lfpw_train.npz")
    entry = json.loads((out / "lite" / "lite.manifest.json").read_text(encoding="utf-8"))
    (weights,) = entry["weights"]
    return {
        "points": {
            "labels of hands": excerpt(labels["lfpw_train/points"][::80]),
            "labels of networks": excerpt(labels["faces/points"][::600]),
            "views": excerpt(views["points66"][::4]),
        },
        "errors": weights["metrics"],
    }


def excerpt(points: np.ndarray) -> list[Any]:
    """Every eleventh point, to a hundredth of a pixel."""
    excerpted: list[Any] = np.round(points[:, ::11].astype(np.float64), 2).tolist()
    return excerpted


def differences(found: dict[str, Any], recorded: dict[str, Any]) -> list[str]:
    """The differences that are larger than allowed, a line each."""
    lines = []
    for name, points in recorded["points"].items():
        now = np.array(found["points"][name])
        if now.shape != np.shape(points):
            lines.append(f"{name}: {now.shape} numbers instead of {np.shape(points)}")
            continue
        worst = float(np.abs(now - np.array(points)).max())
        print(f"{name}: at most {worst:.3f} px from the recorded points")
        if worst > PIXELS:
            lines.append(f"{name}: {worst:.2f} px from the recorded points, {PIXELS} are allowed")
    for name, error in recorded["errors"].items():
        now = found["errors"][name]
        print(f"{name} after {STEPS} steps: {now}, recorded {error}")
        if abs(now - error) > RELATIVE * error:
            lines.append(f"{name}: {now} instead of {error} after {STEPS} steps")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/, faces/, models/")
    parser.add_argument("--record", action="store_true", help="write the results instead of comparing")
    args = parser.parse_args()

    if not args.record and not RESULTS.exists():
        raise SystemExit(f"expected recorded results in {RESULTS}, found none; make them with --record")
    with tempfile.TemporaryDirectory() as folder:
        found = make(args.data, Path(folder))
    if args.record:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**provenance("lite"), **found}, indent=1) + "\n"
        RESULTS.write_text(text, encoding="utf-8")
        print(f"wrote {RESULTS}")
        return
    different = differences(found, json.loads(RESULTS.read_text(encoding="utf-8")))
    if different:
        raise SystemExit("\n".join(["not reproduced:", *different]))
    print("reproduced")


if __name__ == "__main__":
    main()
