"""The cells of the scout's output that answer for each face."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.scout.layout import STRIDES, cells
from face_alignment_3d.training.detection.photos import SceneFaces

_Floats = npt.NDArray[np.float32]

#: Root of the area of the faces that each level answers for, in its strides, from ... to; neighbors overlap.
_FROM: Final = (0.0, 1.5, 1.9)
_TO: Final = (4.5, 5.5, np.inf)
#: A cell answers for a face when its center is at most so far from the face's, in x and y: a share of the
#: face's size, within these bounds, in strides.
_NEAR: Final = 0.3
_LEAST_NEAR, _MOST_NEAR = 0.5, 1.5
#: Cells up to so many times further away are not told that there is no face.
_RING: Final = 1.6


@dataclass(frozen=True, eq=False)
class Targets:
    """The targets of N cells."""

    weights: _Floats
    """(N,): above 0, the certainty, for cells that predict a face; 0 for no face; -1 for cells that are not
    trained."""
    boxes: _Floats
    """(N, 4): center x, y and width, height of the level head, pixels in edge coordinates; 0 without face."""
    rolls: _Floats
    """(N,): radians, clockwise on screen."""
    roll_weights: _Floats
    """(N,): the weight of the roll."""


def make_targets(faces: SceneFaces, size: int) -> Targets:
    """The targets of a picture (size, size) with these faces."""
    grid = cells(size, size)
    count = len(grid)
    weights = np.zeros(count, np.float32)
    boxes = np.zeros((count, 4), np.float32)
    rolls, roll_weights = np.zeros(count, np.float32), np.zeros(count, np.float32)
    if not len(faces):
        return Targets(weights, boxes, rolls, roll_weights)
    level = np.searchsorted(STRIDES, grid[:, 2])
    root = faces.boxes.sizes()
    stride = grid[:, None, 2]
    distance = np.abs(grid[:, None, :2] - faces.boxes.centers[None]).max(axis=2)
    near = np.clip(_NEAR * root / stride, _LEAST_NEAR, _MOST_NEAR) * stride
    low, high = np.array(_FROM)[level][:, None] * stride, np.array(_TO)[level][:, None] * stride
    answers = (root >= low) & (root < high)
    # Around what is not learned, and next to the cells that answer, nothing is denied.
    unlearned = faces.weights == 0
    inside = distance <= np.maximum(root / 2, stride / 2)
    weights[(inside & unlearned).any(axis=1)] = -1
    weights[((distance <= _RING * near) & ~unlearned).any(axis=1)] = -1
    relative = np.where((distance <= near) & answers & ~unlearned, distance / root, np.inf)
    face = relative.argmin(axis=1)
    positive = np.isfinite(relative.min(axis=1))
    face = face[positive]
    weights[positive] = faces.weights[face]
    boxes[positive, :2] = faces.boxes.centers[face]
    boxes[positive, 2:] = faces.boxes.sides[face]
    rolls[positive] = faces.boxes.rolls[face]
    roll_weights[positive] = faces.roll_weights[face]
    return Targets(weights, boxes, rolls, roll_weights)
