"""The linear face model that 2D labels are lifted with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.archives import read_arrays, require_shape

Floats = npt.NDArray[np.float64]

# The basis as distributed has x towards the viewer, y up and z to the subject's right.
_TO_LIBRARY_FRAME = np.array([[0.0, 0.0, -1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])


@dataclass(frozen=True, eq=False)
class FaceModel:
    """68 points as mean + coefficients @ basis, in the library's frame (x right, y down, z away), own units.

    Coefficients follow a Gaussian with ``prior_mean`` and ``prior_covariance``.
    """

    mean: Floats
    """(68, 3)"""
    basis: Floats
    """(K, 68, 3): identity, then expression."""
    prior_mean: Floats
    """(K,)"""
    prior_covariance: Floats
    """(K, K)"""

    def shapes(self, coefficients: Floats) -> Floats:
        """(N, K) -> (N, 68, 3)"""
        shapes: Floats = self.mean + np.einsum("nk,kpd->npd", coefficients, self.basis)
        return shapes


def load_labels3d(directory: Path) -> Floats:
    """The AFLW2000-3D labels, (N, 68, 3), in the library's frame: z away from the camera, centered."""
    path = directory / "models" / "aflw2000_labels.npz"
    labels = read_arrays(path, ["points68"])["points68"]
    require_shape(path, "points68", labels, (None, 68, 3))
    points: Floats = labels.astype(np.float64) * [1.0, 1.0, -1.0]
    points -= points.mean(axis=1, keepdims=True)
    return points


def load_face_model(directory: Path) -> FaceModel:
    """Reads the basis below ``directory``/models and estimates its prior by a fit to the 3D labels there."""
    path = directory / "models" / "bfm68_basis.npz"
    arrays = read_arrays(path, ["mean", "shape", "expression"])
    require_shape(path, "mean", arrays["mean"], (68, 3))
    for part in ("shape", "expression"):
        require_shape(path, part, arrays[part], (None, 68, 3))
    mean = arrays["mean"].astype(np.float64) @ _TO_LIBRARY_FRAME.T
    basis = np.concatenate([arrays["shape"], arrays["expression"]]).astype(np.float64) @ _TO_LIBRARY_FRAME.T
    coefficients = _fit_to_3d(mean, basis, load_labels3d(directory))
    return FaceModel(mean, basis, coefficients.mean(axis=0), np.cov(coefficients.T))


def _fit_to_3d(
    mean: Floats, basis: Floats, labels: Floats, *, rounds: int = 15, ridge: float = 1e-3
) -> Floats:
    """Coefficients (N, K) that fit 3D labels (N, 68, 3), alternating similarity and ridge regression."""
    count = len(basis)
    design = basis.reshape(count, -1)
    gram = design @ design.T + ridge * np.eye(count)
    coefficients = np.zeros((len(labels), count))
    for _ in range(rounds):
        shapes = mean + np.einsum("nk,kpd->npd", coefficients, basis)
        scale, rotation, translation = umeyama(shapes, labels)
        unposed = np.einsum("npi,nij->npj", labels - translation[:, None], rotation) / scale[:, None, None]
        coefficients = np.linalg.solve(gram, design @ (unposed - mean).reshape(len(labels), -1).T).T
    return coefficients
