"""The motion that the points of a face have in common: the affine one that fits them best, but for a few."""

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


class CommonMotion:
    """The affine motions of a face at ``points`` (N, 3), as 4 x 3 numbers.

    The rows are a shift and three ways in which the shape gives, orthonormal under the weights of the points,
    so that each number is the typical displacement that it stands for, in pixels, along x, y or z. Points
    weigh by their ``noise`` (N,), and less where they are seen to go their own way in ``moved`` (N, 3), the
    last frame's displacements: a talking mouth does not move the head.
    """

    def __init__(self, points: Points, noise: Points, moved: Points) -> None:
        variance = np.square(noise) + _SHARED_VARIANCE * float(np.median(noise)) ** 2
        weights = 1 / variance
        weights /= weights.sum()
        centered = points - weights @ points
        shape = np.column_stack([np.ones(len(points)), centered / max(float(np.ptp(centered)), 1e-9)])
        root = np.sqrt(weights)[:, None]
        triangle = np.linalg.qr(np.vstack([shape * root, _RIDGE[0] * np.eye(4)]), mode="r")
        # The signs of a QR factorization are arbitrary; these let the numbers go on from frame to frame.
        self._basis = shape @ (np.linalg.inv(triangle) * np.sign(np.diag(triangle)))
        self._solve = (self._basis * weights[:, None]).T
        for _ in range(2):
            apart = np.square(moved - self.displacements(self.fit(moved))).sum(axis=1)
            weighted = (self._basis * (weights / (1 + apart / (_OUTLIER * noise) ** 2))[:, None]).T
            self._solve = np.linalg.solve(weighted @ self._basis + _RIDGE[1] * np.eye(4), weighted)

    def fit(self, displacements: Points) -> Points:
        """Displacements (N, 3) of the points -> the affine motion (4, 3) in them."""
        return np.asarray(self._solve @ displacements, np.float64)

    def displacements(self, motion: Points) -> Points:
        """An affine motion (4, 3) -> the displacements (N, 3) of the points."""
        return np.asarray(self._basis @ motion, np.float64)
