"""Models of landmark errors: independent for each point, and smooth over neighboring points."""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import GROUPS, NUM_LANDMARKS
from face_alignment_3d.pose.mean_face import MEAN_FACE

Floats = npt.NDArray[np.float64]

#: Over this distance, in inter-ocular distances, neighbors err alike.
_REACH: Final = 0.25
#: The relative errors of the points: the network is least certain of where along its line a jaw
#: point lies and of how high brows are; and depth is harder than place.
_GROUP_FACTORS: Final = {"jaw": 2.5, "right_brow": 1.5, "left_brow": 1.5}
_DEPTH_FACTOR: Final = 1.5
#: The places of points along a lid are less certain than the distance between the lids.
_LIDS: Final = (37, 38, 40, 41, 43, 44, 46, 47)
_ALONG_LID_FACTOR: Final = 2.0


def white_noise(count: int, rng: np.random.Generator, *, deviation: float) -> Floats:
    """(N, 66, 3): independent errors with the same standard deviation in every coordinate."""
    noise: Floats = deviation * rng.standard_normal((count, NUM_LANDMARKS, 3))
    return noise


def realistic_noise(count: int, rng: np.random.Generator, *, largest: float) -> Floats:
    """(N, 66, 3): partly white, partly smooth errors; each face's level is from 0 to ``largest``."""
    size = rng.uniform(0.0, largest, (count, 1, 1))
    smooth_share = rng.random((count, 1, 1))
    drawn = rng.standard_normal((NUM_LANDMARKS, count * 3))
    smooth = np.swapaxes((_smoothing() @ drawn).reshape(NUM_LANDMARKS, count, 3), 0, 1)
    white = rng.standard_normal((count, NUM_LANDMARKS, 3))
    noise: Floats = size * (np.sqrt(smooth_share) * smooth + np.sqrt(1 - smooth_share) * white) * _factors()
    return noise


def _smoothing() -> Floats:
    """(66, 66): turns white noise into smooth noise of the same variance."""
    distance = np.linalg.norm(MEAN_FACE[:, None] - MEAN_FACE[None], axis=-1)
    covariance = np.exp(-0.5 * np.square(distance / _REACH))
    return np.linalg.cholesky(covariance + 1e-6 * np.eye(NUM_LANDMARKS))


def _factors() -> Floats:
    factors = np.ones((NUM_LANDMARKS, 3))
    for group, factor in _GROUP_FACTORS.items():
        factors[list(GROUPS[group])] = factor
    factors[:, 2] *= _DEPTH_FACTOR
    factors[list(_LIDS), 0] *= _ALONG_LID_FACTOR
    return factors
