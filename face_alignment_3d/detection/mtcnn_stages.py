"""MTCNN's search of one image: three small networks, each with fewer and better candidates than the last.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks" (2016).
The networks and their weights are facenet-pytorch's, in torch or as ONNX. The search between them is our own,
because that package's fails on images smaller than its smallest face and where a candidate lies outside the
image, squeezes the candidates that reach over the border, and rounds them to whole pixels.

Boxes here are in *edge* coordinates: the top-left pixel spans 0 to 1, so widths are differences.
"""

from typing import Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.octaves import Octaves, octave_for
from face_alignment_3d.detection.overlap import non_maximum_suppression
from face_alignment_3d.detection.roi import resized_squares

SMALLEST_POSSIBLE: Final = 12
"""Side in pixels of the smallest face that the first network can see: its field of view."""
REFINEMENT_SIZE: Final = 24
"""Side in pixels of what the second network sees."""
OUTPUT_SIZE: Final = 48
"""Side in pixels of what the third network sees."""
_STRIDE: Final = 2
"""Pixels between two outputs of the first network."""
_PYRAMID_STEP: Final = 0.709
_SAMPLING: Final = 2
"""Pixels of an octave for each pixel that the second and third network see of it, at least."""
_FIRST_THRESHOLDS: Final = (0.6, 0.7)
"""Scores that candidates need to pass the first two stages, as published."""
_MAX_CANDIDATES: Final = 4096
"""Kept of the first stage, best first: bounds time and memory on noise, which looks like faces everywhere."""

_Floats = npt.NDArray[np.float32]
_Boxes = npt.NDArray[np.float64]


class Networks(Protocol):
    """MTCNN's three networks, whatever runs them. Pixels are RGB in [0, 255], offsets in fractions of a
    box's side for each of its edges, scores in [0, 1]."""

    def propose(self, level: npt.NDArray[np.uint8]) -> tuple[_Floats, _Floats]:
        """(H, W, 3) pixels, at least 12 x 12 -> offsets (4, h, w), scores (h, w) of each 12 x 12 field."""
        ...

    def refine(self, crops: _Floats) -> tuple[_Floats, _Floats]:
        """(K, 24, 24, 3) pixels, K at least 1 -> offsets (K, 4) and scores (K,)."""
        ...

    def judge(self, crops: _Floats) -> tuple[_Floats, _Floats]:
        """(K, 48, 48, 3) pixels, K at least 1 -> offsets (K, 4) and scores (K,)."""
        ...


def search(
    networks: Networks, image_rgb: npt.NDArray[np.uint8], *, smallest: float, last_threshold: float
) -> tuple[_Boxes, npt.NDArray[np.float64]]:
    """Boxes (F, 4), in edge coordinates, and scores (F,) of the faces in an (H, W, 3) uint8 image.

    ``smallest`` is the smallest side of a face in pixels; ``last_threshold`` the score that a face needs in
    the last stage. The same face may be found more than once.
    """
    octaves = Octaves(image_rgb)
    boxes = _propose(networks, octaves, smallest=smallest, threshold=_FIRST_THRESHOLDS[0])
    squares = _squared(boxes)
    if len(squares):
        offsets, scores = networks.refine(_cut_out(octaves, squares, size=REFINEMENT_SIZE))
        squares = _squared(_survivors(squares, offsets, scores, threshold=_FIRST_THRESHOLDS[1])[0])
    if not len(squares):
        return np.zeros((0, 4)), np.zeros(0)
    offsets, scores = networks.judge(_cut_out(octaves, squares, size=OUTPUT_SIZE))
    return _survivors(squares, offsets, scores, threshold=last_threshold)


def _propose(networks: Networks, octaves: Octaves, *, smallest: float, threshold: float) -> _Boxes:
    """The first stage: (K, 4) candidates from a pyramid of the image."""
    height, width = octaves[0].shape[:2]
    boxes: list[_Boxes] = [np.zeros((0, 4))]
    scores: list[_Floats] = [np.zeros(0, dtype=np.float32)]
    reduction = smallest / SMALLEST_POSSIBLE
    while min(height, width) / reduction >= SMALLEST_POSSIBLE:
        level, per_pixel = _reduced(octaves, reduction)
        offsets, face = networks.propose(level)
        row, column = np.nonzero(face >= threshold)
        corner = np.stack([column, row], axis=1) * float(_STRIDE)
        cells = np.concatenate([corner + 1, corner + SMALLEST_POSSIBLE], axis=1) * np.tile(per_pixel, 2)
        found = face[row, column]
        kept = non_maximum_suppression(cells, found, overlap=0.5)
        boxes.append(_shift_edges(cells[kept], offsets[:, row[kept], column[kept]].T))
        scores.append(found[kept])
        reduction /= _PYRAMID_STEP
    all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
    return all_boxes[non_maximum_suppression(all_boxes, all_scores, overlap=0.7)[:_MAX_CANDIDATES]]


def _reduced(octaves: Octaves, reduction: float) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """The image made smaller by about this factor, and how much smaller exactly: (2,), in x and in y."""
    octave = octave_for(reduction)
    image = octaves[octave]
    sides = np.array(image.shape[1::-1])
    left = reduction / 2**octave
    size = (round(float(sides[0]) / left), round(float(sides[1]) / left))
    interpolation = cv2.INTER_AREA if left > 1 else cv2.INTER_LINEAR
    level = np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
    return level, 2**octave * sides / np.array(size)


def _cut_out(octaves: Octaves, squares: _Boxes, *, size: int) -> _Floats:
    """Squares (K, 4) of the image as (K, size, size, 3) pixels, at least two of an octave's for each.

    To average all pixels of large squares would take longer than the networks and change nearly nothing.
    """
    crops = np.empty((len(squares), size, size, 3), dtype=np.float32)
    reductions = (squares[:, 2] - squares[:, 0]) / (_SAMPLING * size)
    of_square = np.array([octave_for(reduction) for reduction in reductions.tolist()], dtype=np.int64)
    for octave in np.unique(of_square).tolist():
        members = of_square == octave
        crops[members] = resized_squares(octaves[octave], squares[members] / 2**octave, size=size)
    return crops


def _survivors(
    squares: _Boxes, offsets: _Floats, scores: _Floats, *, threshold: float
) -> tuple[_Boxes, npt.NDArray[np.float64]]:
    """What a later stage keeps of its candidates (K, 4), moved, and the scores; best first."""
    passed = scores >= threshold
    boxes = _shift_edges(squares[passed], offsets[passed])
    kept = non_maximum_suppression(boxes, scores[passed], overlap=0.7)
    return boxes[kept], scores[passed][kept].astype(np.float64)


def _shift_edges(boxes: _Boxes, offsets: _Floats) -> _Boxes:
    """Moves each edge of (K, 4) boxes by its offset (K, 4), in fractions of the box's side."""
    sides: _Boxes = np.tile(boxes[:, 2:] - boxes[:, :2], (1, 2))
    moved: _Boxes = boxes + offsets * sides
    return moved


def _squared(boxes: _Boxes) -> _Boxes:
    """Squares around the centers of (K, 4) boxes, as large as their longer sides; empty ones are dropped."""
    half: _Boxes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=0.0) / 2
    center = (boxes[:, :2] + boxes[:, 2:]) / 2
    squares: _Boxes = np.concatenate([center - half, center + half], axis=1)
    return squares[half[:, 0] > 0]
