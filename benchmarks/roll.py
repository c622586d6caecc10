"""How accuracy holds when heads lean: photos turned in the image plane, through the public aligner.

    python benchmarks/roll.py --data ../shared/data

Turns each held-out photo about its middle, gives the box around the turned hand-made points, and prints the
mean error of the 49 inner points over the outer-eye distance for each angle.
"""

import argparse
import math
from pathlib import Path

import numpy as np

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.evaluation_sets import open_dataset
from face_alignment_3d.training.metrics import failure_rate, inner_nme

DEGREES = (0, 15, 30, 45, 60, 75, 90, 105, 120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/")
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument("--dataset", default="holdout")
    args = parser.parse_args()

    photos = open_dataset(args.data, args.dataset)
    aligner = FaceAligner3D(args.weights, device="cpu")
    for degrees in DEGREES:
        predicted, truth = [], []
        for index, points68 in enumerate(photos.points68):
            image = photos.image(index)
            height, width = image.shape[:2]
            side = math.ceil(math.hypot(height, width))
            turn = Crop((width - 1) / 2, (height - 1) / 2, side, side, math.radians(degrees))
            points = turn.to_crop(points68[FROM_68])
            predicted.append(aligner.get_landmarks(turn.sample(image), boxes=[box_around(points)])[0, :, :2])
            truth.append(points)
        errors = inner_nme(np.stack(predicted), np.stack(truth))
        failed = failure_rate(errors)
        print(f"{degrees:4d} degrees: {errors.mean():6.2f} %, failures over 8 % {failed:.1f} %")


if __name__ == "__main__":
    main()
