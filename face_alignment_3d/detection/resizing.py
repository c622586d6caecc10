"""Photos at the sizes at which detectors search them, and the way back for what is found."""

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import rescale

#: A photo is searched as if its longer side were at most this many times the shorter one: faces in a strip
#: are as large as the strip allows, not the smaller the longer it is.
_LONGEST: Final = 2.0
#: Up to this reduction the nearest 2 x 2 pixels are nearly all that a pixel covers.
_NEARLY_ALL: Final = 1.5

_Pixels = npt.NDArray[np.uint8]


def search_scale(shape: Sequence[int], max_side: int | None) -> float:
    """The factor by which a photo of that ``shape`` (height, width, ...) is shrunk for a search; 1 at most.

    After it the longer side, or twice the shorter one, has at most ``max_side`` pixels; None leaves all.
    """
    if max_side is None:
        return 1.0
    return float(min(1.0, max_side / searched_side(shape)))


def searched_side(shape: Sequence[int]) -> float:
    """The longer side of a photo of that ``shape`` (height, width, ...), or twice the shorter one, pixels."""
    height, width = shape[:2]
    return min(max(height, width), _LONGEST * min(height, width))


def resized(
    image: _Pixels, scale: float, *, enlarging: int = cv2.INTER_LINEAR, quick: bool = False
) -> _Pixels:
    """The image (H, W, 3) with sides times ``scale``, rounded, at least 1; itself where that changes nothing.

    It is halved as often as possible, which takes a fraction of the time of one reduction to the size, then
    shrunk by area averaging; with ``quick``, a last reduction up to 1.5 is bilinear, which takes a fifth of
    the time. It is enlarged by the interpolation ``enlarging`` of OpenCV's.
    """
    width, height = (max(1, round(side * scale)) for side in image.shape[1::-1])
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width:
        image = _resized(image, (image.shape[1] // 2, image.shape[0] // 2), cv2.INTER_LINEAR)
    if image.shape[:2] == (height, width):
        return image
    if scale >= 1:
        return _resized(image, (width, height), enlarging)
    is_quick = quick and max(image.shape[0] / height, image.shape[1] / width) <= _NEARLY_ALL
    return _resized(image, (width, height), cv2.INTER_LINEAR if is_quick else cv2.INTER_AREA)


def _resized(image: _Pixels, size: tuple[int, int], interpolation: int) -> _Pixels:
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)


def boxes_in_photo(
    boxes: npt.NDArray[np.float64], searched: Sequence[int], photo: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Boxes (F, 4) in edge coordinates of the searched image, in pixels of the photo.

    ``searched`` and ``photo`` are the shapes (height, width, ...) of both.
    """
    found = boxes - 0.5
    for axis in (0, 1):
        found[:, axis::2] = rescale(found[:, axis::2], photo[1 - axis] / searched[1 - axis])
    return found


class Octaves:
    """Octave k of an (H, W, 3) uint8 image shows 2**k of its pixels as one, their mean.

    A coarse search then need not read every pixel. Positions in *edge* coordinates (the top-left pixel spans
    0 to 1) are exactly 2**k times smaller there. An odd side is first made even by repeating the last row or
    column.
    """

    def __init__(self, image_rgb: _Pixels) -> None:
        self._images = [image_rgb]

    def __getitem__(self, octave: int) -> _Pixels:
        """Octave 0 is the image itself. Not below 1 pixel: octaves beyond that are as small."""
        while len(self._images) <= octave:
            self._images.append(_halved(self._images[-1]))
        return self._images[octave]


def octave_for(reduction: float) -> int:
    """The coarsest octave that is still as fine as the image reduced by this factor."""
    return max(0, math.floor(math.log2(reduction)))


def _halved(image: _Pixels) -> _Pixels:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.asarray(
            cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), dtype=np.uint8
        )
        height, width = image.shape[:2]
    return _resized(image, (width // 2, height // 2), cv2.INTER_AREA)
