"""An image at half, a quarter, ... of its size, so that a coarse search need not read every pixel."""

import math

import cv2
import numpy as np
import numpy.typing as npt


class Octaves:
    """Octave k of an (H, W, 3) uint8 image shows 2**k of its pixels as one, their mean.

    Positions in *edge* coordinates (the top-left pixel spans 0 to 1) are exactly 2**k times smaller there. An
    odd side is first made even by repeating the last row or column.
    """

    def __init__(self, image_rgb: npt.NDArray[np.uint8]) -> None:
        self._images = [image_rgb]

    def __getitem__(self, octave: int) -> npt.NDArray[np.uint8]:
        """Octave 0 is the image itself. Not below 1 pixel: octaves beyond that are as small."""
        while len(self._images) <= octave:
            self._images.append(_halved(self._images[-1]))
        return self._images[octave]


def octave_for(reduction: float) -> int:
    """The coarsest octave that is still as fine as the image reduced by this factor."""
    return max(0, math.floor(math.log2(reduction)))


def _halved(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.asarray(
            cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), dtype=np.uint8
        )
        height, width = image.shape[:2]
    return np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
