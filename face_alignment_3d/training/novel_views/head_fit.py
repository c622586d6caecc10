"""Fitting the dense head to 66 points in 3D."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.face_model import Floats
from face_alignment_3d.training.novel_views.head_model import HeadModel

_JAW = slice(0, 17)
# Centimeters by which labels and model disagree: inner points by a slip of the hand, the jaw by definition.
_INNER_NOISE, _JAW_NOISE = 0.25, 0.8
# Reach of a landmark's pull on the skin around it, in centimeters.
_REACH = 2.5
_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class HeadFit:
    """N heads, each posed where its photo shows it."""

    model: HeadModel
    coefficients: Floats
    """(N, K)"""
    scale: Floats
    """(N,) pixels per centimeter."""
    rotation: Floats
    """(N, 3, 3), from the model's frame to the photo's."""
    translation: Floats
    """(N, 3) pixels."""
    points: Floats
    """(N, 66, 3): what was fitted, in pixels of the photo."""

    def skin(self, index: int) -> npt.NDArray[np.float32]:
        """(V, 3) in pixels of the photo: the fitted head, deformed locally to pass through the points."""
        skin = self._posed(index, self.model.skin(self.coefficients[index]).astype(np.float64))
        anchors = skin[self.model.landmarks]
        reach = _REACH * self.scale[index]
        # The ridge keeps neighboring points that disagree from folding the skin.
        gram = _kernel(anchors, anchors, reach) + 0.05 * np.eye(len(anchors))
        pull = np.linalg.solve(gram, self.points[index] - anchors)
        bent: npt.NDArray[np.float32] = (skin + _kernel(skin, anchors, reach) @ pull).astype(np.float32)
        return bent

    def center(self, index: int) -> Floats:
        """(3,): the middle of the head between the ears, in pixels of the photo."""
        ears = self.model.neutral[self.model.landmarks[[0, 16]]].mean(axis=0).astype(np.float64)
        posed: Floats = self._posed(index, ears[None])[0]
        return posed

    def angles(self) -> Floats:
        """(N, 3): pitch, yaw and roll in degrees, signs as in :mod:`face_alignment_3d.pose.rotation`."""
        turn = self.rotation
        pitch = np.arctan2(turn[:, 2, 1], turn[:, 2, 2])
        yaw = np.arctan2(turn[:, 2, 0], np.hypot(turn[:, 2, 1], turn[:, 2, 2]))
        roll = np.arctan2(turn[:, 1, 0], turn[:, 0, 0])
        angles: Floats = np.degrees(np.stack([pitch, yaw, roll], axis=1))
        return angles

    def _posed(self, index: int, points: Floats) -> Floats:
        posed: Floats = self.scale[index] * points @ self.rotation[index].T + self.translation[index]
        return posed


def fit_heads(model: HeadModel, points: npt.NDArray[np.floating]) -> HeadFit:
    """Fits pose and coefficients to 3D points (N, 66, 3) in pixels, frame x right, y down, z away.

    Alternates the best similarity and the most probable coefficients, given Gaussian noise on the points and
    the model's Gaussian prior.
    """
    target = np.asarray(points, dtype=np.float64)
    mean = model.neutral[model.landmarks].astype(np.float64)
    basis = model.basis[:, model.landmarks].astype(np.float64)
    noise = np.full(len(mean), _INNER_NOISE)
    noise[_JAW] = _JAW_NOISE
    design = (basis / noise[:, None]).reshape(len(basis), -1)
    solve = np.linalg.solve(design @ design.T + np.diag(model.deviation**-2.0), design)
    inner = np.arange(len(mean)) >= _JAW.stop
    coefficients = np.zeros((len(target), len(basis)))
    for _ in range(_ROUNDS):
        shapes = mean + np.einsum("nk,kpd->npd", coefficients, basis)
        scale, rotation, translation = umeyama(shapes[:, inner], target[:, inner])
        unposed = np.einsum("npi,nij->npj", target - translation[:, None], rotation) / scale[:, None, None]
        coefficients = ((unposed - mean) / noise[:, None]).reshape(len(target), -1) @ solve.T
    return HeadFit(model, coefficients, scale, rotation, translation, target)


def _kernel(points: Floats, anchors: Floats, reach: float) -> Floats:
    squared = np.square(points[:, None] - anchors[None]).sum(axis=-1)
    kernel: Floats = np.exp(-0.5 * squared / reach**2)
    return kernel
