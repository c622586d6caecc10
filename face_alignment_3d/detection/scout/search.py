"""The sizes at which a photo is searched, and the faces that the searches find, decoded and merged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes, joined
from face_alignment_3d.detection.overlap import non_maximum_suppression
from face_alignment_3d.detection.resizing import resized, search_scale, searched_side
from face_alignment_3d.detection.scout.layout import MULTIPLE, UNIT_STRIDES, cells_at
from face_alignment_3d.detection.scout.runner import Runner
from face_alignment_3d.detection.scout.windows import Window, windows_around

_Pixels = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float64]

#: Height in pixels of the smallest face that the network finds well.
SMALLEST: Final = 10.0
#: Intersection over union from which on two boxes are of one face.
_SAME_FACE: Final = 0.4
#: Logarithm of a side over its unit that no face reaches.
_MOST_LOG_SIDE: Final = 5.0
#: A fine search that enlarges the photo by less than this against the coarse one tells nothing new.
_FINER: Final = 1.1


@dataclass(frozen=True, eq=False)
class Found:
    """The faces of a photo, best first."""

    boxes: OrientedBoxes
    """Reference boxes of level heads, in the photo's pixels, edge coordinates."""
    scores: _Floats
    """(F,) in [0, 1]."""


@dataclass(frozen=True)
class Searches:
    """The rules: a coarse search of the photo, and a fine one of what it leaves open.

    The fine one is of the whole photo when no face is sure, else of windows around suspected small faces.
    Beside a large face, what is only weakly suspected is not followed: in 119 photos with a face of 0.16 of
    their side or more, that would have told 4 more faces.
    """

    coarse_side: int
    """The photo's longer side in the coarse search, pixels."""
    fine_side: int | None
    """The same in the fine one; None for the photo's own size."""
    threshold: float
    """The lowest score of a face; ``suspicion``, where that is higher, for what the fine search does not
    find."""
    min_face_size: float | None = None
    """The smallest face to find, in pixels of the photo: always asks for a fine search, at a scale that shows
    it."""
    suspicion: float = 0.35
    """The score in the coarse search from which on a face is noted; a small one is then searched again."""
    small: float = 26.0
    """The size of a face (root of its area), in pixels of the coarse search, below which the fine one may be
    better."""
    sure: float = 0.75
    """The score of a face in the coarse search below which the fine one is made."""
    large: float = 0.15
    """The size of a sure face, over the photo's longer side or twice its shorter one, from which on it is
    large. Not if a ``min_face_size`` is given."""
    beside_large: float = 0.5
    """The lowest score of a face in the coarse search beside a large one."""

    def run(self, runner: Runner, images: Sequence[_Pixels]) -> list[Found]:
        """Searches (H, W, 3) RGB photos of any sizes.

        Those that have one size when they are shrunk go to the network together.
        """
        scales = [search_scale(image.shape, self.coarse_side) for image in images]
        fine_scales = [self._fine_scale(image) for image in images]
        is_finer = [fine > _FINER * scale for fine, scale in zip(fine_scales, scales, strict=True)]
        noted = searched(runner, images, scales, min(self.suspicion, self.threshold), quick=True)
        coarse = [
            _above(found, self._least(found, image.shape, finer))
            for found, image, finer in zip(noted, images, is_finer, strict=True)
        ]
        parts = [
            (index, window)
            for index, found in enumerate(coarse)
            if is_finer[index]
            for window in self._windows(found, images[index].shape, scales[index], fine_scales[index])
        ]
        fine = searched(
            runner,
            [window.of(images[index]) for index, window in parts],
            [fine_scales[index] for index, _ in parts],
            self.threshold,
        )
        all_found = [[found] for found in coarse]
        for (index, window), found in zip(parts, fine, strict=True):
            in_photo = _moved(found, window, images[index].shape)
            # A window was made for a suspect, and shows it better: what scores less than one is none.
            is_whole = window.is_whole(images[index].shape)
            all_found[index].append(in_photo if is_whole else _above(in_photo, self.suspicion))
        return [_united(found, self.threshold) for found in all_found]

    def _fine_scale(self, image: _Pixels) -> float:
        scale = search_scale(image.shape, self.fine_side)
        return scale if self.min_face_size is None else max(scale, SMALLEST / self.min_face_size)

    def _least(self, found: Found, photo: Sequence[int], is_finer: bool) -> float:
        """The lowest score in the coarse search that counts; ``is_finer``: a finer one is possible."""
        # The fine search, where one is possible, tells more of what scores less than a suspect.
        least = self.suspicion if is_finer else self.threshold
        is_large = found.boxes.sizes() >= self.large * searched_side(photo)
        if self.min_face_size is None and (is_large & (found.scores >= self.sure)).any():
            return max(least, self.beside_large)
        return least

    def _windows(self, found: Found, photo: Sequence[int], scale: float, fine_scale: float) -> list[Window]:
        """The parts of the photo to search finely, given what the coarse search at ``scale`` found."""
        whole = [Window.whole(photo)]
        if self.min_face_size is not None or not (found.scores >= self.sure).any():
            return whole
        small = found.boxes[found.boxes.sizes() * scale < self.small]
        windows = windows_around(small, photo, fine_scale)
        return whole if windows is None else windows


def searched(
    runner: Runner,
    images: Sequence[_Pixels],
    scales: Sequence[float],
    threshold: float,
    *,
    quick: bool = False,
) -> list[Found]:
    """The faces of each image (H, W, 3), searched at its own scale.

    ``threshold`` as of :func:`decoded`, ``quick`` as of :func:`resized`.
    """
    shrunk = [
        resized(image, scale, enlarging=cv2.INTER_AREA, quick=quick)
        for image, scale in zip(images, scales, strict=True)
    ]
    of_size: dict[tuple[int, int], list[int]] = {}
    for index, picture in enumerate(shrunk):
        of_size.setdefault((_padded(picture.shape[0]), _padded(picture.shape[1])), []).append(index)
    found: dict[int, Found] = {}
    for size, members in of_size.items():
        canvas = np.zeros((len(members), *size, 3), np.uint8)
        for place, index in enumerate(members):
            height, width = shrunk[index].shape[:2]
            canvas[place, :height, :width] = shrunk[index]
        for index, output in zip(members, runner.run(canvas), strict=True):
            boxes, scores = decoded(output, *size, threshold=threshold)
            found[index] = _in_photo(boxes, scores, shrunk[index].shape, images[index].shape)
    return [found[index] for index in range(len(images))]


def decoded(
    output: npt.NDArray[np.floating], height: int, width: int, *, threshold: float
) -> tuple[OrientedBoxes, npt.NDArray[np.float64]]:
    """The faces in the network's output (N, 7) for an input of that size, see :mod:`.layout`; best first.

    Boxes are in pixels of the input, edge coordinates. ``threshold``: the lowest score, in (0, 1).
    """
    above = np.flatnonzero(output[:, 0] >= np.log(threshold / (1 - threshold)))
    said, of_cell = output[above].astype(np.float64), cells_at(above, height, width)
    scores = 1 / (1 + np.exp(-said[:, 0]))
    stride = of_cell[:, 2:]
    sides = np.exp(np.clip(said[:, 3:5], -_MOST_LOG_SIDE, _MOST_LOG_SIDE)) * UNIT_STRIDES * stride
    boxes = OrientedBoxes(of_cell[:, :2] + said[:, 1:3] * stride, sides, np.arctan2(said[:, 6], said[:, 5]))
    kept = non_maximum_suppression(boxes.around(), scores, overlap=_SAME_FACE)
    return boxes[kept], scores[kept]


def _in_photo(boxes: OrientedBoxes, scores: _Floats, shrunk: Sequence[int], photo: Sequence[int]) -> Found:
    # Width and height may differ by a rounding; sides take the mean of both.
    scale_x, scale_y = photo[1] / shrunk[1], photo[0] / shrunk[0]
    return Found(
        OrientedBoxes(
            boxes.centers * [scale_x, scale_y], boxes.sides * math.sqrt(scale_x * scale_y), boxes.rolls
        ),
        scores,
    )


def _moved(found: Found, window: Window, photo: Sequence[int]) -> Found:
    """The faces of a part of the photo, in the photo's pixels, without those that the part cuts."""
    boxes = OrientedBoxes(
        found.boxes.centers + np.array([window.x, window.y]), found.boxes.sides, found.boxes.rolls
    )
    whole = window.holds(boxes.around(), photo)
    return Found(boxes[whole], found.scores[whole])


def _padded(side: int) -> int:
    return -(-side // MULTIPLE) * MULTIPLE


def _united(found: list[Found], threshold: float) -> Found:
    boxes, scores = joined([one.boxes for one in found]), np.concatenate([one.scores for one in found])
    enough = _above(Found(boxes, scores), threshold)
    kept = non_maximum_suppression(enough.boxes.around(), enough.scores, overlap=_SAME_FACE)
    return Found(enough.boxes[kept], enough.scores[kept])


def _above(found: Found, threshold: float) -> Found:
    enough = found.scores >= threshold
    return Found(found.boxes[enough], found.scores[enough])
