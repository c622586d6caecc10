"""At which sizes a photo is searched, and what the searches find together."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes, joined
from face_alignment_3d.detection.overlap import non_maximum_suppression
from face_alignment_3d.detection.scout.decoding import decoded
from face_alignment_3d.detection.scout.layout import MULTIPLE, cells
from face_alignment_3d.detection.scout.runner import Runner

_Pixels = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float64]

#: A photo is searched as if its longer side were at most this many times the shorter one: faces in a strip
#: are as large as the strip allows, not the smaller the longer it is.
_LONGEST: Final = 2.0
#: Intersection over union from which on faces of two searches are one.
_SAME_FACE: Final = 0.4


@dataclass(frozen=True, eq=False)
class Found:
    """The faces of a photo, best first."""

    boxes: OrientedBoxes
    """Reference boxes of level heads, in the photo's pixels, edge coordinates."""
    scores: _Floats
    """(F,) in [0, 1]."""


@dataclass(frozen=True)
class Searches:
    """The rules: a coarse search, and a fine one where small faces are suspected or none was found."""

    coarse_side: int
    """The photo's longer side in the coarse search, pixels."""
    fine_side: int
    """The same in the fine one, at most."""
    threshold: float
    """The lowest score of a face."""
    suspicion: float = 0.12
    """Score of a small face in the coarse search that asks for the fine one."""
    small: float = 26.0
    """Root of the area of a face, in pixels of the coarse search, below which the fine one may tell more."""
    sure: float = 0.5
    """Score of a face in the coarse search without which the fine one is made."""

    def run(self, runner: Runner, image: _Pixels) -> Found:
        """Searches an (H, W, 3) RGB photo."""
        coarse_scale = self.scale(image, self.coarse_side)
        first = _searched(runner, image, coarse_scale, min(self.suspicion, self.threshold))
        fine_scale = self.scale(image, self.fine_side)
        found = [first]
        if fine_scale > 1.1 * coarse_scale and self._is_unfinished(first, coarse_scale):
            found.append(_searched(runner, image, fine_scale, self.threshold))
        return _united(found, self.threshold)

    def scale(self, image: _Pixels, side: int) -> float:
        """By how much the photo is shrunk for a search; 1 at most."""
        height, width = image.shape[:2]
        return float(min(1.0, side / min(max(height, width), _LONGEST * min(height, width))))

    def _is_unfinished(self, found: Found, scale: float) -> bool:
        root = np.sqrt(found.boxes.sides.prod(axis=1)) * scale
        suspected = (root < self.small) & (found.scores >= self.suspicion)
        return bool(suspected.any()) or not (found.scores >= self.sure).any()


def _searched(runner: Runner, image: _Pixels, scale: float, threshold: float) -> Found:
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size != (width, height):
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    canvas = np.zeros((_padded(size[1]), _padded(size[0]), 3), np.uint8)
    canvas[: size[1], : size[0]] = image
    boxes, scores = decoded(runner.run(canvas[None])[0], cells(*canvas.shape[:2]), threshold=threshold)
    # Width and height may differ by a rounding; sides take the mean of both.
    scale_x, scale_y = width / size[0], height / size[1]
    return Found(
        OrientedBoxes(
            boxes.centers * [scale_x, scale_y], boxes.sides * math.sqrt(scale_x * scale_y), boxes.rolls
        ),
        scores,
    )


def _padded(side: int) -> int:
    return -(-side // MULTIPLE) * MULTIPLE


def _united(found: list[Found], threshold: float) -> Found:
    boxes, scores = joined([one.boxes for one in found]), np.concatenate([one.scores for one in found])
    above = np.flatnonzero(scores >= threshold)
    boxes, scores = boxes[above], scores[above]
    kept = non_maximum_suppression(boxes.around(), scores, overlap=_SAME_FACE)
    return Found(boxes[kept], scores[kept])
