"""MTCNN's first stage: squares of an image that may be faces, at any size and angle.

The image is looked at on many scales. Their pictures lie side by side on one canvas, for one run of the
network in place of ten. Sides of canvases are multiples of 64, and no canvas is larger than 1024 x 512, so
that photos of any size ask for few different amounts of memory.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.overlap import non_maximum_suppression
from face_alignment_3d.detection.resizing import Octaves, octave_for

FIELD: Final = 12
"""Side in pixels of what the first network sees."""
_STRIDE: Final = 2
"""Pixels between two outputs of the first network."""
_STEP: Final = 0.709
"""The ratio of one scale to the one before."""
_BEYOND: Final = 4
"""The pixels by which a field may reach beyond the picture, into black, to find faces cut by the border."""
_LEAST_SIDE: Final = 8
"""The least side of a picture; a face that is cut on both sides fills it."""
_PIECE: Final = 448
"""The longest side of a part of a picture that lies on a canvas in one piece."""
_CANVAS_WIDTH: Final = 1024
_MULTIPLE: Final = 64
_MAX_PROPOSALS: Final = 4096
"""The number of squares that are kept, best first: it bounds time and memory on noise, which gives many."""

_Boxes = npt.NDArray[np.float64]
_Proposal = Callable[[npt.NDArray[np.uint8]], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]


class _Piece(NamedTuple):
    """A part of the image at one scale."""

    pixels: npt.NDArray[np.uint8]
    origin: tuple[int, int]
    """x, y of its first pixel in the picture that it is a part of."""
    per_pixel: npt.NDArray[np.float64]
    """(2,): image pixels for each pixel of the picture, in x and in y."""


class _Placed(NamedTuple):
    piece: _Piece
    x: int
    y: int


def propose(network: _Proposal, octaves: Octaves, *, smallest: float, threshold: float) -> _Boxes:
    """(K, 4) squares in edge coordinates, best first, whose score is at least ``threshold``.

    ``network`` maps (H, W, 3) uint8 RGB to offsets (4, h, w) and scores (h, w) of each 12 x 12 field.
    ``smallest`` is the smallest side of a face in pixels of the image.
    """
    boxes: list[_Boxes] = [np.zeros((0, 4))]
    scores = [np.zeros(0, dtype=np.float32)]
    for placed, canvas in _canvases(_pieces(octaves, smallest / FIELD)):
        offsets, face = network(canvas)
        for piece, x, y in placed:
            height, width = piece.pixels.shape[:2]
            rows = slice((y - _BEYOND) // _STRIDE, (y + height + _BEYOND - FIELD) // _STRIDE + 1)
            columns = slice((x - _BEYOND) // _STRIDE, (x + width + _BEYOND - FIELD) // _STRIDE + 1)
            seen = face[rows, columns]
            row, column = np.nonzero(seen >= threshold)
            corner = np.stack([column, row], axis=1) * float(_STRIDE) - _BEYOND + np.array(piece.origin)
            cells = np.concatenate([corner + 1, corner + FIELD], axis=1) * np.tile(piece.per_pixel, 2)
            kept = non_maximum_suppression(cells, seen[row, column], overlap=0.5)
            row, column = row[kept], column[kept]
            moves = (
                offsets[:, rows, columns][:, row, column].T * np.tile(cells[:, 2:] - cells[:, :2], 2)[kept]
            )
            boxes.append(cells[kept] + moves)
            scores.append(seen[row, column])
    all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
    best = non_maximum_suppression(all_boxes, all_scores, overlap=0.7)[:_MAX_PROPOSALS]
    return all_boxes[best]


def _pieces(octaves: Octaves, reduction: float) -> Iterator[_Piece]:
    height, width = octaves[0].shape[:2]
    while min(height, width) / reduction >= _LEAST_SIDE:
        picture, per_pixel = _reduced(octaves, reduction)
        # Neighbors share a field, less what may lie outside, so that none is lost between them.
        step = _PIECE - FIELD
        for y in range(0, max(1, picture.shape[0] - FIELD), step):
            for x in range(0, max(1, picture.shape[1] - FIELD), step):
                yield _Piece(picture[y : y + _PIECE, x : x + _PIECE], (x, y), per_pixel)
        reduction /= _STEP


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


def _canvases(pieces: Iterator[_Piece]) -> Iterator[tuple[list[_Placed], npt.NDArray[np.uint8]]]:
    """Pieces packed in columns, black between them."""
    waiting = sorted(pieces, key=lambda piece: -piece.pixels.shape[0])
    while waiting:
        height = _up(waiting[0].pixels.shape[0] + 2 * _BEYOND, _MULTIPLE)
        columns: list[tuple[int, int, int]] = []  # x, width and the height that is taken.
        placed: list[_Placed] = []
        left: list[_Piece] = []
        end = 0
        for piece in waiting:
            # Fields start at even pixels.
            tall, wide = (_up(side + _BEYOND, _STRIDE) for side in piece.pixels.shape[:2])
            for index, (x, width, used) in enumerate(columns):
                if wide <= width and used + tall + _BEYOND <= height:
                    columns[index] = (x, width, used + tall)
                    break
            else:
                if end + wide + _BEYOND > _CANVAS_WIDTH:
                    left.append(piece)
                    continue
                x, used = end, 0
                columns.append((x, wide, tall))
                end += wide
            placed.append(_Placed(piece, x + _BEYOND, used + _BEYOND))
        canvas = np.zeros((height, _up(end + _BEYOND, _MULTIPLE), 3), dtype=np.uint8)
        for piece, x, y in placed:
            canvas[y : y + piece.pixels.shape[0], x : x + piece.pixels.shape[1]] = piece.pixels
        yield placed, canvas
        waiting = left


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
