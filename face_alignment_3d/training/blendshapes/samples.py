"""Faces with known blendshapes, as canonical points with errors like those of found landmarks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import GROUPS, NUM_LANDMARKS
from face_alignment_3d.pose.head_pose import canonical_points
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.pose.rotation import rotation_by
from face_alignment_3d.training.blendshapes.expression_model import ExpressionModel
from face_alignment_3d.training.blendshapes.mixes import sample_mixes

Floats = npt.NDArray[np.float64]

#: Faces at a time, so that memory stays small.
_CHUNK: Final = 10_000
#: Share of the training faces that are closer to the mean face than people are. After calibration all are.
_CALMER: Final = 0.3
#: Largest yaw, pitch and roll of the heads, degrees.
_TURNS: Final = (80.0, 40.0, 60.0)
_LARGEST_NOISE: Final = 0.02
#: People without expression are seen in the mean of this many frames.
RESTING_FRAMES: Final = 10
#: Over this distance, in inter-ocular distances, neighbors err alike.
_REACH: Final = 0.25
#: The relative errors of the points: the network is least certain of where along its line a jaw
#: point lies and of how high brows are; and depth is harder than place.
_GROUP_FACTORS: Final = {"jaw": 2.5, "right_brow": 1.5, "left_brow": 1.5}
_DEPTH_FACTOR: Final = 1.5
#: The places of points along a lid are less certain than the distance between the lids.
_LIDS: Final = (37, 38, 40, 41, 43, 44, 46, 47)
_ALONG_LID_FACTOR: Final = 2.0


@dataclass(frozen=True, eq=False)
class Faces:
    """N faces with known blendshapes."""

    points: npt.NDArray[np.float32]
    """(N, 66, 3): canonical, of landmarks that were posed and perturbed."""
    blendshapes: npt.NDArray[np.float32]
    """(N, 52)"""
    resting: npt.NDArray[np.float32]
    """(N, 66, 3): the same people without expression; (0, 66, 3) where that was not asked for."""


def training_faces(model: ExpressionModel, count: int, rng: np.random.Generator) -> Faces:
    """Faces for training: all identities, with noise of 0 to 2 %."""

    def noise(count: int) -> Floats:
        return realistic_noise(count, rng, largest=_LARGEST_NOISE)

    return _faces(model, count, rng, noise, calmer=_CALMER, with_resting=False)


def unseen_faces(model: ExpressionModel, count: int, rng: np.random.Generator, *, noise: float) -> Faces:
    """Faces for measuring: unchanged identities, white noise of one standard deviation.

    ``noise`` is in inter-ocular distances, for each of x, y and z.
    """

    def white(count: int) -> Floats:
        return white_noise(count, rng, deviation=noise)

    return _faces(model, count, rng, white, calmer=0.0, with_resting=True)


def _faces(
    model: ExpressionModel,
    count: int,
    rng: np.random.Generator,
    noise: Callable[[int], Floats],
    *,
    calmer: float,
    with_resting: bool,
) -> Faces:
    points, blendshapes = [], []
    resting = [np.zeros((0, NUM_LANDMARKS, 3), np.float32)]
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        identity = rng.standard_normal((size, len(model.identity)))
        is_calmer = rng.random((size, 1)) < calmer
        identity *= np.where(is_calmer, rng.random((size, 1)), 1.0)
        mixes = sample_mixes(size, rng)
        faces = model.faces(identity, mixes) + noise(size)
        points.append(canonical_points(_posed(faces, rng)).astype(np.float32))
        blendshapes.append(mixes.astype(np.float32))
        if with_resting:
            faces = model.faces(identity, np.zeros_like(mixes)) + noise(size) / np.sqrt(RESTING_FRAMES)
            resting.append(canonical_points(_posed(faces, rng)).astype(np.float32))
    return Faces(np.concatenate(points), np.concatenate(blendshapes), np.concatenate(resting))


def _posed(faces: Floats, rng: np.random.Generator) -> Floats:
    """The points after posing, noise and the way back to canonical points, as from a photo."""
    turns = rng.uniform(-1.0, 1.0, (len(faces), 3)) * _TURNS
    rotations = np.stack([rotation_by(*turn) for turn in turns])
    size = rng.uniform(30.0, 400.0, (len(faces), 1, 1))
    posed: Floats = size * faces @ np.swapaxes(rotations, 1, 2) + rng.uniform(-500, 500, (len(faces), 1, 3))
    return posed


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
