"""Accuracy on worse photos: leaning, blurred, small, dark, noisy ones, through the public aligner.

    python benchmarks/robustness.py --data ../shared/data

Corrupts each held-out photo, gives the box around the hand-made points, and prints the mean error of the 49
inner points over the outer-eye distance. Lengths are in percent of the longer side of the face's box.
"""

import argparse
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from provenance import provenance

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import Crop, box_around, rescale
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.evaluation.metrics import failure_rate, inner_nme
from face_alignment_3d.training.evaluation.sets import open_dataset

RESULTS = Path(__file__).resolve().parent / "results" / "robustness.json"

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Corruption:
    """One way to make a photo worse: (photo, points) -> (photo, points)."""

    name: str
    apply: Callable[[Image, Points], tuple[Image, Points]]


def lean(degrees: float) -> Corruption:
    def apply(image: Image, points: Points) -> tuple[Image, Points]:
        height, width = image.shape[:2]
        side = math.ceil(math.hypot(height, width))
        turn = Crop((width - 1) / 2, (height - 1) / 2, side, side, math.radians(degrees))
        return turn.sample(image), turn.to_crop(points)

    return Corruption(f"leaning by {degrees:.0f} degrees", apply)


def blur(percent: float) -> Corruption:
    def apply(image: Image, points: Points) -> tuple[Image, Points]:
        blurred = cv2.GaussianBlur(image, (0, 0), percent / 100 * face_side(points))
        return np.asarray(blurred, np.uint8), points

    return Corruption(f"blurred, standard deviation {percent:g} %", apply)


def motion(percent: float) -> Corruption:
    def apply(image: Image, points: Points) -> tuple[Image, Points]:
        length = round(percent / 100 * face_side(points)) // 2 * 2 + 1
        return np.asarray(cv2.filter2D(image, -1, np.full((1, length), 1 / length)), np.uint8), points

    return Corruption(f"smeared sideways over {percent:g} %", apply)


def shrink(side: int) -> Corruption:
    def apply(image: Image, points: Points) -> tuple[Image, Points]:
        factor = min(1.0, side / face_side(points))
        width, height = (max(1, round(length * factor)) for length in (image.shape[1], image.shape[0]))
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        scales = (width / image.shape[1], height / image.shape[0])
        return np.asarray(small, np.uint8), np.stack(
            [rescale(points[:, k], scales[k]) for k in (0, 1)], axis=1
        )

    return Corruption(f"faces of {side} px at most", apply)


def darken(factor: float) -> Corruption:
    def apply(image: Image, points: Points) -> tuple[Image, Points]:
        return np.rint(image * factor).astype(np.uint8), points

    return Corruption(f"darkened to {100 * factor:g} %", apply)


def noise(std: float) -> Corruption:
    def apply(image: Image, points: Points) -> tuple[Image, Points]:
        generator = np.random.default_rng(zlib.crc32(image.tobytes()))
        noisy = image + generator.normal(0, std, image.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), points

    return Corruption(f"noise, standard deviation {std:g} of 255", apply)


CORRUPTIONS = (
    *(lean(degrees) for degrees in (0, 15, 30, 45, 60, 75, 90, 105, 120)),
    *(blur(percent) for percent in (1, 2, 4)),
    *(motion(percent) for percent in (5, 10)),
    *(shrink(side) for side in (96, 64, 48, 32, 24, 16, 12)),
    *(darken(factor) for factor in (0.3, 0.1)),
    *(noise(std) for std in (10, 30)),
)


def face_side(points: Points) -> float:
    x0, y0, x1, y1 = box_around(points)
    return float(max(x1 - x0, y1 - y0))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/")
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument("--dataset", default="holdout")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()

    photos = open_dataset(args.data, args.dataset)
    aligner = FaceAligner3D(args.weights, device="cpu")
    results = {}
    for corruption in CORRUPTIONS:
        predicted, truth = [], []
        for index, points68 in enumerate(photos.points68):
            image, points = corruption.apply(photos.image(index), points68[FROM_68])
            predicted.append(aligner.get_landmarks(image, boxes=[box_around(points)])[0, :, :2])
            truth.append(points)
        errors = inner_nme(np.stack(predicted), np.stack(truth))
        failed = failure_rate(errors)
        results[corruption.name] = {"inner": round(float(errors.mean()), 4), "failures": round(failed, 4)}
        print(f"{corruption.name}: {errors.mean():.2f} %, failures over 8 % {failed:.1f} %", flush=True)
    content = {**provenance(args.weights), "dataset": args.dataset, "percent": results}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.output}")


if __name__ == "__main__":
    main()
