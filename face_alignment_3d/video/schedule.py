"""The times of alignments and detections, and the detection of cuts, after which both run at once."""

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

#: Seconds by which time stamps may be off.
_ROUNDING: Final = 0.0005
_SIZE: Final = (32, 18)
#: A frame is read at this width and height, since each of its pixels has to be fetched from memory.
_READ: Final = (96, 54)
#: Mean difference of the pictures, as a share of full brightness.
_LEAST_CHANGE: Final = 0.05
#: Times the change that this video had lately from frame to frame.
_STANDS_OUT: Final = 3.0
#: Correlation; lamps, flashes and exposure leave it high.
_STILL_ALIKE: Final = 0.8


class Schedule:
    """Intervals in seconds, as of :class:`VideoAligner3D`, and when the detector ran.

    Raises ValueError for detection intervals that are not above 0, and an ``alignment_interval`` below 0.
    """

    def __init__(
        self, *, alignment_interval: float, detection_interval: float, redetection_interval: float
    ) -> None:
        require_positive(detection_interval=detection_interval, redetection_interval=redetection_interval)
        if not (alignment_interval >= 0 and math.isfinite(alignment_interval)):
            raise ValueError(f"alignment_interval must be finite and at least 0; got {alignment_interval}")
        self._alignment_interval = alignment_interval
        self._detection_interval, self._redetection_interval = detection_interval, redetection_interval
        self._detected_at = -math.inf

    @property
    def uses_flow(self) -> bool:
        """False where the network aligns every frame."""
        return self._alignment_interval > 0

    def is_alignment_due(self, aligned_at: float, time: float) -> bool:
        """True if a face that the network last aligned at ``aligned_at`` is to be aligned at ``time``."""
        return time - aligned_at >= self._alignment_interval - _ROUNDING

    def is_detection_due(self, time: float, *, is_complete: bool) -> bool:
        """True if the detector is to run at ``time``; ``is_complete``: there are tracks, and none is lost."""
        interval = self._detection_interval if is_complete else self._redetection_interval
        return time - self._detected_at >= interval - _ROUNDING

    def note_detection(self, time: float) -> None:
        """Notes that the detector runs at ``time``."""
        self._detected_at = time

    def request_detection(self) -> None:
        """Makes a detection due at once."""
        self._detected_at = -math.inf


def require_positive(**values: float) -> None:
    """Raises ValueError, with the name, for a value that is not above 0 and finite."""
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be above 0 and finite; got {value}")


class CutDetector:
    """Finds cuts by comparing each frame with the last. Fast motion may look like one: check its results."""

    def __init__(self) -> None:
        self._last: npt.NDArray[np.uint8] | None = None
        self._usual = 0.0

    def update(self, image_rgb: npt.NDArray[np.uint8]) -> bool:
        """True if the next frame (H, W, 3) differs from the last one as after a cut; False for the first."""
        part = cv2.resize(image_rgb, _READ, interpolation=cv2.INTER_NEAREST)
        small = np.asarray(cv2.resize(part, _SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        last, self._last = self._last, small
        if last is None:
            return False
        change = cv2.norm(small, last, cv2.NORM_L1) / (255 * small.size)
        usual = self._usual
        self._usual += 0.2 * (min(change, 2 * _LEAST_CHANGE) - usual)
        stands_out = change > _LEAST_CHANGE and change > _STANDS_OUT * usual
        return stands_out and _correlation(small, last) < _STILL_ALIKE


def _correlation(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float:
    a, b = first - first.mean(dtype=np.float32), second - second.mean(dtype=np.float32)
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norm if norm > 0 else 0.0
