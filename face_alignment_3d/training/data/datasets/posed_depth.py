"""z for points that are projections of the face model's own points, from a pose that is nearly known."""

from typing import NamedTuple

import cv2
import numpy as np

from face_alignment_3d.training.data.face_model import FaceModel, Floats

#: The standard deviation between points and model, in units of the points' root mean square distance from
#: their center.
_NOISE = 0.02


class PosedDepth(NamedTuple):
    """The fit to one face."""

    z: Floats
    """(68,) pixels, away from the camera, zero mean."""
    residual: float
    """Mean 2D distance between points and model, over the root of the area of the points' bounding box."""


def fit_depth(points: Floats, rotation: Floats, model: FaceModel, *, rounds: int = 8) -> PosedDepth:
    """Fits ``model`` under scaled orthographic projection to 2D points (68, 2), x right and y down.

    Gauss-Newton on pose and coefficients together, with the model's Gaussian prior, from ``rotation``, a
    (3, 3) matrix that turns the model into nearly its pose. Unlike
    :func:`face_alignment_3d.training.data.lifting.lift` it takes the jaw for the model's jaw line, not for
    the outline seen, so it suits labels that were made with such a model; and one face takes some
    milliseconds.
    """
    centered = points - points.mean(axis=0)
    spread = float(np.sqrt(np.square(centered).sum(axis=1).mean()))
    target = centered / spread
    mean = model.mean - model.mean.mean(axis=0)
    basis = model.basis - model.basis.mean(axis=1, keepdims=True)
    precision = np.linalg.inv(model.prior_covariance + 1e-9 * np.eye(len(basis)))

    coefficients = model.prior_mean.copy()
    turn = rotation.copy()
    shape = mean + np.einsum("k,kpd->pd", coefficients, basis)
    seen = shape @ turn.T
    scale = float((seen[:, :2] * target).sum() / np.square(seen[:, :2]).sum())
    for _ in range(rounds):
        posed = scale * seen
        zero = np.zeros(len(posed))
        # d(turned point) = w x point for a small further turn w; then d(log scale); then d(coefficients).
        about = np.stack(
            [
                np.stack([zero, -posed[:, 2]], axis=1),
                np.stack([posed[:, 2], zero], axis=1),
                np.stack([-posed[:, 1], posed[:, 0]], axis=1),
                posed[:, :2],
            ]
        )
        ways = scale * np.einsum("ij,kpj->kpi", turn[:2], basis)
        jacobian = np.concatenate([about, ways]).reshape(4 + len(basis), -1) / _NOISE
        error = (target - posed[:, :2]).reshape(-1) / _NOISE
        normal = jacobian @ jacobian.T
        right = jacobian @ error
        normal[4:, 4:] += precision
        right[4:] -= precision @ (coefficients - model.prior_mean)
        # Keeps the four of the pose apart where a face seen from the side leaves one of them open.
        normal[range(4), range(4)] += 1.0
        step = np.linalg.solve(normal, right)
        turn = np.asarray(cv2.Rodrigues(step[:3])[0]) @ turn
        scale *= float(np.exp(np.clip(step[3], -0.5, 0.5)))
        coefficients = coefficients + step[4:]
        shape = mean + np.einsum("k,kpd->pd", coefficients, basis)
        seen = shape @ turn.T
    posed = scale * spread * seen
    distance = float(np.linalg.norm(posed[:, :2] - centered, axis=1).mean())
    extent = float(np.sqrt(np.prod(points.max(axis=0) - points.min(axis=0))))
    return PosedDepth(posed[:, 2] - posed[:, 2].mean(), distance / extent)
