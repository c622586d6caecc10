"""Noticing that a video goes on with another picture."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

_SIZE: Final = (32, 18)
#: A frame is read at about this width; every pixel would cost more and say no more.
_READ_WIDTH: Final = 160
#: Mean difference of the pictures, as a share of full brightness.
_LEAST_CHANGE: Final = 0.05
#: Times the change that this video had lately from frame to frame.
_STANDS_OUT: Final = 3.0
#: Correlation; lamps, flashes and exposure leave it high.
_STILL_ALIKE: Final = 0.8


class CutDetector:
    """Compares each frame with the one before. Fast motion may be taken for a cut, so check what it says."""

    def __init__(self) -> None:
        self._last: npt.NDArray[np.float32] | None = None
        self._usual = 0.0

    def is_cut(self, image_rgb: npt.NDArray[np.uint8]) -> bool:
        """Whether this (H, W, 3) frame shows something else than the last one; False for the first."""
        step = max(1, image_rgb.shape[1] // _READ_WIDTH)
        part = np.ascontiguousarray(image_rgb[::step, ::step])
        small = np.asarray(cv2.resize(part, _SIZE, interpolation=cv2.INTER_AREA), np.float32)
        last, self._last = self._last, small
        if last is None:
            return False
        change = float(np.abs(small - last).mean()) / 255
        usual = self._usual
        self._usual += 0.2 * (min(change, 2 * _LEAST_CHANGE) - usual)
        stands_out = change > _LEAST_CHANGE and change > _STANDS_OUT * usual
        return stands_out and _correlation(small, last) < _STILL_ALIKE


def _correlation(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> float:
    a, b = first - first.mean(), second - second.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norm if norm > 0 else 0.0
