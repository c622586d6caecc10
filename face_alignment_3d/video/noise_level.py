"""How noisy the points of a face are, from their motion alone.

Second differences are small for smooth motion and large for noise. Their running quantile, unlike a mean,
does not ask how large the largest are, so that a blink or a jerk leaves it as it was.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.video.common_motion import Points

#: The share of the differences that the level is above.
_QUANTILE: Final = 0.7
#: By how many e-foldings a second a level follows; in the first frames faster, as their count allows.
_RATE: Final = 2.0
#: What is noise within a face, as multiples of its median point: beyond it are mouths that talk for long.
_OWN_RANGE: Final = (0.3, 3.0)
#: The same for the common motion, in which the noise of neighboring points does not cancel.
_COMMON_RANGE: Final = (0.05, 1.5)
#: Nothing is believed to be less noisy than this, in face sizes: videos repeat frames.
_LEAST: Final = 2e-4
#: Until there are enough frames, in face sizes.
_FIRST_GUESS: Final = 1e-3


class NoiseLevel:
    """The steps from frame to frame that noise alone causes, in pixels."""

    def __init__(self, count: int, size: float) -> None:
        self.own: Points = np.full(count, _FIRST_GUESS * size)
        """(N,), of each point within the face."""
        self.common: Points = np.full((4, 3), _FIRST_GUESS * size)
        """(4, 3), of the numbers of a :class:`CommonMotion`."""
        self._last: tuple[float, Points, Points] | None = None
        self._frames = 0

    def update(self, own: Points, common: Points, *, dt: float, size: float) -> None:
        """Takes in what a frame brought, ``dt`` seconds after the last: steps (N, 3) and (4, 3)."""
        last, self._last = self._last, (dt, own, common)
        if last is None:
            return
        ratio = dt / last[0]
        # The deviation of a difference between a step and the last one, of white noise, over that of a step.
        spread = math.sqrt(1 + ratio + ratio**2)
        own_news = np.linalg.norm(own - ratio * last[1], axis=1) / spread
        common_news = np.abs(common - ratio * last[2]) / spread
        if self._frames == 0:
            typical = float(np.median(own_news))
            self.own, self.common = np.full_like(self.own, typical), np.full_like(self.common, 0.5 * typical)
        else:
            rate = _RATE * dt + 2 / (self._frames + 2)
            self.own = _toward_quantile(self.own, own_news, rate)
            self.common = _toward_quantile(self.common, common_news, rate)
        self._frames += 1
        least = _LEAST * size
        typical = max(float(np.median(self.own)), least)
        self.own = np.clip(self.own, max(_OWN_RANGE[0] * typical, least), _OWN_RANGE[1] * typical)
        self.common = np.clip(self.common, _COMMON_RANGE[0] * typical, _COMMON_RANGE[1] * typical)


def _toward_quantile(level: Points, news: Points, rate: float) -> Points:
    """A step of stochastic approximation on a logarithmic scale; at rest a share of _QUANTILE is below."""
    step: npt.NDArray[np.float64] = np.where(news > level, _QUANTILE, _QUANTILE - 1)
    return np.asarray(level * np.exp(rate * step), np.float64)
