"""Labelled photos, and an aligner for them whose errors are known exactly: the numbers of a report follow."""

from pathlib import Path

import numpy as np
from PIL import Image

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.training.data.datasets.photos68 import MAX_RESIDUAL, Photos68, labelled_points
from face_alignment_3d.training.data.lifting import Lifted
from face_alignment_3d.training.evaluation.truth import LabelledSet, truth_by_hand

_GRAY_STEP = 20
#: A point's error over its face's inner error: 1 on average over the inner points, 2 on the jaw.
POINT_SHARE = np.concatenate([np.full(17, 2.0), np.linspace(0.5, 1.5, 49)])
ALL_POINTS_SHARE = POINT_SHARE.mean()
DEPTH_ERROR = 2.0
OVERLAP = 0.81


def labels(count, *, seed=0):
    """(count, 68, 2) random points whose outer eye corners are 100 px apart: an error of 1 px is 1 %."""
    points = np.random.default_rng(seed).uniform(20, 220, (count, 68, 2))
    points[:, 36], points[:, 45] = [70, 100], [170, 100]
    return points.astype(np.float32)


def write_photos(directory: Path, points68, *, first=0):
    """Photos that are told apart by their gray: number ``first`` and on."""
    directory.mkdir(parents=True, exist_ok=True)
    names = tuple(f"photo_{i}" for i in range(len(points68)))
    for index, name in enumerate(names):
        Image.new("L", (16, 16), _GRAY_STEP * (first + index)).save(directory / f"{name}.jpg")
    return Photos68(directory, names, points68)


def lifted_of(points68, *, yaw, residual):
    """A fit that agrees with the labels in x and y; both eyes have the same z."""
    z = np.random.default_rng(5).uniform(-50, 50, points68.shape[:2])
    z[:, [36, 45]] = 0
    points = np.concatenate([points68, z[..., None]], axis=-1).astype(np.float64)
    far_jaw = np.zeros((len(points68), 17), bool)
    return Lifted(points, np.array(yaw, np.float64), np.array(residual, np.float64), far_jaw)


def labelled_set(photos, lifted):
    """Photos and labels as an evaluation takes them."""
    truth = truth_by_hand(
        photos.names,
        photos.points68,
        labelled_points(photos.points68.astype(np.float32), lifted),
        valid=lifted.residual <= MAX_RESIDUAL,
        yaw=lifted.yaw,
    )
    return LabelledSet("known", truth, photos.image, "0" * 64)


class KnownAligner:
    """Every point is off to the right by its share of the face's error, and less confident the more it is.

    A given box that is shifted or scaled by 10 % makes the error twice as large, one that is both three times
    as large, and so on.
    ``found`` has the error with the detector; None where it finds nothing, NaN where only somebody else.
    """

    def __init__(self, points, *, given, found, constant_confidence=False):
        """``points``: (F, 66, 3), what is right."""
        self.truth = points
        self.boxes = box_around(points).astype(np.float64)
        self.given, self.found = given, found
        self.constant_confidence = constant_confidence
        self.batches = []

    def detect_batch(self, images, *, boxes=None):
        self.batches.append((len(images), boxes is not None))
        numbers = [round(float(image.mean()) / _GRAY_STEP) for image in images]
        if boxes is None:
            return [self._detected(number) for number in numbers]
        return [
            [
                self._face(number, self.given[number] * (1 + 10 * self._change(number, box)), box)
                for box in given
            ]
            for number, given in zip(numbers, boxes, strict=True)
        ]

    def _detected(self, number):
        error, box = self.found[number], self.boxes[number]
        if error is None:
            return []
        elsewhere = self._face(number, 50.0, box + 2 * (box[2:] - box[:2])[[0, 1, 0, 1]])
        if np.isnan(error):
            return [elsewhere]
        middle, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        inside = np.concatenate([middle - 0.45 * sides, middle + 0.45 * sides])
        return [elsewhere, self._face(number, error, inside)]

    def _change(self, number, box):
        """The difference of a box from the reference box, as a fraction of its sides."""
        box, reference = np.asarray(box, np.float64), self.boxes[number]
        sides, reference_sides = box[2:] - box[:2], reference[2:] - reference[:2]
        shift = (box[:2] + box[2:] - reference[:2] - reference[2:]) / 2 / reference_sides
        return np.hypot(*shift) + np.abs(sides / reference_sides - 1).max()

    def _face(self, number, error, box):
        errors = error * POINT_SHARE
        landmarks = self.truth[number].copy()
        landmarks[:, 0] += errors
        landmarks[:, 2] += DEPTH_ERROR * (-1) ** np.arange(66) + 17  # The origin of z must not matter.
        confidence = np.full(66, 0.5) if self.constant_confidence else 1 / (1 + errors)
        return Face3D(
            landmarks.astype(np.float32), confidence.astype(np.float32), np.asarray(box, np.float32), 0.9
        )
