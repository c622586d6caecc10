"""The size of a face, the motion that its points have in common, and how noisy they are.

The common motion is the affine motion that fits most points best. Noise is measured from motion alone: second
differences are small for smooth motion and large for noise. Their running quantile, unlike a mean, does not
depend on the size of the largest ones, so a blink or a jerk does not change it.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

#: Of the shape's extent, for faces that are flat or seen from the side; and of the weights of the fit.
_RIDGE: Final = (1e-3, 1e-6)
#: Points that differ from the common motion by more than this multiple of their noise hardly count in it.
_OUTLIER: Final = 3.0
#: Added to a point's variance, as a share of the typical one, so that no few points decide alone.
_SHARED_VARIANCE: Final = 0.3
#: The share of the differences that the level is above.
_QUANTILE: Final = 0.7
#: The rate in e-foldings a second at which a level adapts; faster in the first frames.
_FOLLOWING_RATE: Final = 2.0
#: The range of noise within a face, as multiples of its median point: beyond are mouths that talk for long.
_OWN_RANGE: Final = (0.3, 3.0)
#: The same for the common motion, in which the noise of neighboring points does not cancel.
_COMMON_RANGE: Final = (0.05, 1.5)
#: The least noise of anything, in face sizes: videos repeat frames.
_LEAST: Final = 2e-4
#: Until there are enough frames, in face sizes.
_FIRST_GUESS: Final = 1e-3


def face_size(points: npt.NDArray[np.floating]) -> float:
    """The longer side of the box around landmarks (N, 2 or 3), in pixels; at least 1."""
    return max(float(np.ptp(points[:, :2], axis=0).max()), 1.0)


class CommonMotion:
    """The affine motions of a face at ``points`` (N, 3), as 4 x 3 numbers.

    The rows are a shift and three linear deformations of the shape, orthonormal under the weights of the
    points, so that each number is the typical displacement that it causes, in pixels, along x, y or z. Points
    with more ``noise`` (N,) weigh less, and so do points that moved differently from the others in ``moved``
    (N, 3), the last frame's displacements: a talking mouth does not move the head.
    """

    def __init__(self, points: Points, noise: Points, moved: Points) -> None:
        variance = np.square(noise) + _SHARED_VARIANCE * _median(noise) ** 2
        weights = 1 / variance
        weights /= weights.sum()
        centered = points - weights @ points
        shape = np.ones((4, len(points)))
        np.divide(centered.T, max(float(centered.max() - centered.min()), 1e-9), out=shape[1:])
        gram = (shape * weights) @ shape.T
        gram.flat[::5] += _RIDGE[0] ** 2  # The diagonal.
        # A Cholesky factor has a positive diagonal, so that the numbers go on from frame to frame.
        basis = np.linalg.solve(np.linalg.cholesky(gram), shape)
        self._basis, self._solve = basis.T, basis * weights
        far = np.square(_OUTLIER * noise)
        for _ in range(2):
            apart = np.square(moved - self.displacements(self.fit(moved))).sum(axis=1)
            weighted = basis * (weights / (1 + apart / far))
            normal = weighted @ self._basis
            normal.flat[::5] += _RIDGE[1]
            self._solve = np.linalg.solve(normal, weighted)

    def fit(self, displacements: Points) -> Points:
        """Displacements (N, 3) of the points -> the affine motion (4, 3) that fits them best."""
        return np.asarray(self._solve @ displacements, np.float64)

    def displacements(self, motion: Points) -> Points:
        """An affine motion (4, 3) -> the displacements (N, 3) of the points."""
        return np.asarray(self._basis @ motion, np.float64)


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
        """Updates the levels from one frame, ``dt`` seconds after the last: steps (N, 3) and (4, 3)."""
        last, self._last = self._last, (dt, own, common)
        if last is None:
            return
        ratio = dt / last[0]
        # The deviation of a difference between a step and the last one, of white noise, over that of a step.
        spread = math.sqrt(1 + ratio + ratio**2)
        own_innovation = np.linalg.norm(own - ratio * last[1], axis=1) / spread
        common_innovation = np.abs(common - ratio * last[2]) / spread
        if self._frames == 0:
            typical = _median(own_innovation)
            self.own, self.common = np.full_like(self.own, typical), np.full_like(self.common, 0.5 * typical)
        else:
            rate = _FOLLOWING_RATE * dt + 2 / (self._frames + 2)
            self.own = _toward_quantile(self.own, own_innovation, rate)
            self.common = _toward_quantile(self.common, common_innovation, rate)
        self._frames += 1
        least = _LEAST * size
        typical = max(_median(self.own), least)
        self.own = np.clip(self.own, max(_OWN_RANGE[0] * typical, least), _OWN_RANGE[1] * typical)
        self.common = np.clip(self.common, _COMMON_RANGE[0] * typical, _COMMON_RANGE[1] * typical)


def _median(values: Points) -> float:
    """The median of (N,) values; NumPy's own takes ten times as long for so few."""
    middle = len(values) // 2
    low = middle - 1 + len(values) % 2
    parted = np.partition(values, (low, middle))
    return (float(parted[low]) + float(parted[middle])) / 2


def _toward_quantile(level: Points, innovation: Points, rate: float) -> Points:
    """A step of stochastic approximation on a logarithmic scale; at rest a share of _QUANTILE is below."""
    step: npt.NDArray[np.float64] = np.where(innovation > level, _QUANTILE, _QUANTILE - 1)
    return np.asarray(level * np.exp(rate * step), np.float64)
