"""The linear face model of labels in 3D."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.archives import read_arrays, require_shape

Floats = npt.NDArray[np.float64]

#: One in so many of the training faces tells the prior.
_EVERY: Final = 3
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

    def radius(self) -> float:
        """Root mean square distance of the mean face's points from their center."""
        return float(np.sqrt(np.square(self.mean - self.mean.mean(axis=0)).sum(axis=1).mean()))

    def shapes(self, coefficients: Floats) -> Floats:
        """Coefficients (N, K) -> shapes (N, 68, 3)."""
        shapes: Floats = self.mean + np.einsum("nk,kpd->npd", coefficients, self.basis)
        return shapes


def load_face_model(directory: Path) -> FaceModel:
    """Reads the basis below ``directory``/models and estimates its prior.

    The prior is that of 3DDFA_V2's fits to the training photos, which have the same basis: one mean and one
    covariance of their coefficients. No label of an evaluation set is read.
    """
    path = directory / "models" / "bfm68_basis.npz"
    arrays = read_arrays(path, ["mean", "shape", "expression"])
    require_shape(path, "mean", arrays["mean"], (68, 3))
    for part in ("shape", "expression"):
        require_shape(path, part, arrays[part], (None, 68, 3))
    mean = arrays["mean"].astype(np.float64) @ _TO_LIBRARY_FRAME.T
    basis = np.concatenate([arrays["shape"], arrays["expression"]]).astype(np.float64) @ _TO_LIBRARY_FRAME.T
    standard = FaceModel(mean, basis, np.zeros(len(basis)), np.eye(len(basis)))
    coefficients = fit_coefficients(standard, _predictions(directory))
    return FaceModel(mean, basis, coefficients.mean(axis=0), np.cov(coefficients.T))


def _predictions(directory: Path) -> Floats:
    """3DDFA_V2's points (N, 68, 3) of some thousands of training faces, in pixels."""
    found = []
    for path, keys in (
        (directory / "faces" / "aflw.npz", ("tddfa68_x32",)),
        (directory / "faces" / "teachers.npz", ("tddfa68_x32",)),
        (directory / "photos68" / "teachers.npz", ("helen_train_tddfa68_x32", "lfpw_train_tddfa68_x32")),
    ):
        arrays = read_arrays(path, keys)
        for key in keys:
            require_shape(path, key, arrays[key], (None, 68, 3))
            found.append(arrays[key][::_EVERY].astype(np.float64))
    return np.concatenate(found)


def fit_coefficients(model: FaceModel, points: Floats, *, rounds: int = 30, ridge: float = 1e-3) -> Floats:
    """Coefficients (N, K) of the shapes nearest to 3D points (N, 68, 3) in any pose and size.

    Alternates the best similarity and a ridge regression.
    """
    count = len(model.basis)
    design = model.basis.reshape(count, -1)
    gram = design @ design.T + ridge * np.eye(count)
    coefficients = np.zeros((len(points), count))
    for _ in range(rounds):
        scale, rotation, translation = umeyama(model.shapes(coefficients), points)
        unposed = np.einsum("npi,nij->npj", points - translation[:, None], rotation) / scale[:, None, None]
        coefficients = np.linalg.solve(gram, design @ (unposed - model.mean).reshape(len(points), -1).T).T
    return coefficients
