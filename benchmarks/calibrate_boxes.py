"""Estimates the constants that turn MTCNN's boxes into reference boxes, and measures what they are worth.

    python benchmarks/calibrate_boxes.py --data ../shared/data

Uses hand-labelled training photos only (HELEN and LFPW train), never the validation photos. Prints the
calibration for ``face_alignment_3d/detection/mtcnn.py``, the spread that it leaves, and the share of faces
found, with and without the search on rotated copies, upright and turned.
"""

import argparse
import math
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.photos68 import open_photos68
from face_alignment_3d.training.data.training_data import HAND_LABELLED
from face_alignment_3d.training.evaluation.evaluate import FOUND_OVERLAP

Photo = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]


def load_photos(data: Path, count: int, rng: np.random.Generator) -> list[Photo]:
    """``count`` random training photos, with their 66 hand-made points (66, 2)."""
    photos = []
    for name in HAND_LABELLED:
        photos68 = open_photos68(data, name)
        photos += [(photos68, index) for index in range(len(photos68.names))]
    chosen = [photos[position] for position in rng.permutation(len(photos))[:count]]
    return [(photos68.image(index), photos68.points68[index, FROM_68]) for photos68, index in chosen]


def turned(photo: Photo, roll: float) -> Photo:
    """The photo with the face leaning by ``roll`` radians, as large a canvas as before, and its points."""
    image, points = photo
    height, width = image.shape[:2]
    side = max(height, width)
    window = Crop((width - 1) / 2, (height - 1) / 2, side, side, -roll)
    return window.sample(image), window.to_crop(points).astype(np.float32)


def surest_boxes(detector: MTCNNDetector, photos: list[Photo]) -> tuple[np.ndarray, np.ndarray]:
    """The surest box of each photo with one, and the reference box of the same photo: (F, 4) each."""
    pairs = [
        (faces[0].box, box_around(points)) for image, points in photos if (faces := detector.detect(image))
    ]
    detected, reference = zip(*pairs, strict=True)
    return np.stack(detected), np.stack(reference)


def recall(detector: MTCNNDetector, photos: list[Photo]) -> str:
    """The share of labelled faces that are found, the boxes that are elsewhere, and the time of a photo."""
    hits = strays = 0
    start = time.process_time()
    for image, points in photos:
        boxes = np.array([face.box for face in detector.detect(image)]).reshape(-1, 4)
        overlaps = intersection_over_union(boxes, box_around(points)[None])[:, 0]
        hits += bool((overlaps > FOUND_OVERLAP).any())
        strays += int((overlaps < 0.1).sum())
    milliseconds = 1000 * (time.process_time() - start) / len(photos)
    share = 100 * hits / len(photos)
    return f"found {share:5.1f} %   elsewhere {strays:3d}   {milliseconds:4.0f} ms of CPU a photo"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/")
    parser.add_argument("--photos", type=int, default=400, help="how many random photos to use")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    cv2.setNumThreads(1)

    photos = load_photos(arguments.data, arguments.photos, rng)
    as_mtcnn_says = MTCNNDetector(calibration=BoxCalibration(), rotations=())
    detected, reference = surest_boxes(as_mtcnn_says, photos)
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

    once, with_retries = MTCNNDetector(rotations=()), MTCNNDetector()
    rolls = rng.uniform(-math.pi, math.pi, len(photos))
    leaning = [turned(photo, roll) for photo, roll in zip(photos, rolls, strict=True)]
    for label, pictures in (("upright photos", photos), ("turned by any angle", leaning)):
        print(f"{label}:")
        print(f"  one search     {recall(once, pictures)}")
        print(f"  with rotations {recall(with_retries, pictures)}")


if __name__ == "__main__":
    main()
