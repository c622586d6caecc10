"""Estimates the constants that turn a detector's boxes into reference boxes, and what they are worth.

    python benchmarks/calibrate_boxes.py --data ../shared/data --detector centerface

Uses hand-labelled training photos only (HELEN and LFPW train), never the validation photos. Prints the
calibration for ``face_alignment_3d/detection/`` and the spread that it leaves.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.centerface import CenterFaceDetector
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.detection.protocol import FaceDetector
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED
from face_alignment_3d.training.data.datasets.photos68 import open_photos68

DETECTORS: Final[Mapping[str, Callable[..., FaceDetector]]] = {
    "mtcnn": partial(MTCNNDetector, backend="onnx", any_angle=False),
    "centerface": CenterFaceDetector,
}

Photo = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]


def load_photos(data: Path, count: int, rng: np.random.Generator) -> list[Photo]:
    """``count`` random training photos, with their 66 hand-made points (66, 2)."""
    photos = []
    for name in HAND_LABELLED:
        photos68 = open_photos68(data, name)
        photos += [(photos68, index) for index in range(len(photos68.names))]
    chosen = [photos[position] for position in rng.permutation(len(photos))[:count]]
    return [(photos68.image(index), photos68.points68[index, FROM_68]) for photos68, index in chosen]


def surest_boxes(detector: FaceDetector, photos: list[Photo]) -> tuple[np.ndarray, np.ndarray]:
    """The surest box of each photo with one, and the reference box of the same photo: (F, 4) each."""
    pairs = [
        (faces[0].box, box_around(points)) for image, points in photos if (faces := detector.detect(image))
    ]
    detected, reference = zip(*pairs, strict=True)
    return np.stack(detected), np.stack(reference)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/")
    parser.add_argument("--detector", choices=DETECTORS, default="mtcnn")
    parser.add_argument("--photos", type=int, default=400, help="how many random photos to use")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    cv2.setNumThreads(1)

    photos = load_photos(arguments.data, arguments.photos, rng)
    detector = DETECTORS[arguments.detector](calibration=BoxCalibration())
    detected, reference = surest_boxes(detector, photos)
    same_face = intersection_over_union(detected, reference).diagonal() > 0.3
    detected, reference = detected[same_face], reference[same_face]
    calibration = BoxCalibration.estimate(detected, reference)
    print(f"{len(detected)} faces: {calibration}")

    calibrated = calibration.apply(detected)
    sides = reference[:, 2:] - reference[:, :2]
    shift = (calibrated[:, :2] + calibrated[:, 2:] - reference[:, :2] - reference[:, 2:]) / 2 / sides
    stretch = (calibrated[:, 2:] - calibrated[:, :2]) / sides
    print("left over, 5th to 95th percentile, in sides of the reference box:")
    for label, values in zip(("shift x", "shift y", "width", "height"), (*shift.T, *stretch.T), strict=True):
        print(f"  {label:8} {np.percentile(values, 5):6.3f} to {np.percentile(values, 95):6.3f}")
    overlaps = intersection_over_union(calibrated, reference).diagonal()
    print(f"overlap (IoU): median {np.median(overlaps):.3f}, 5th percentile {np.percentile(overlaps, 5):.3f}")


if __name__ == "__main__":
    main()
