"""ICT-FaceKit's dense head model, which gives every pixel of a photo its depth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.archives import read_arrays, require_shape
from face_alignment_3d.training.data.ict_facekit import TO_LIBRARY_FRAME, landmark_vertices

#: The model's first vertices are the skin of face, head and neck; eyeballs, gums and teeth follow.
_SKIN_VERTICES = 11_248


@dataclass(frozen=True, eq=False)
class HeadModel:
    """Skin as neutral + coefficients @ basis, in centimeters; x right, y down, z away."""

    neutral: npt.NDArray[np.float32]
    """(V, 3)"""
    basis: npt.NDArray[np.float32]
    """(K, V, 3): identity, then expression."""
    deviation: npt.NDArray[np.float64]
    """(K,): standard deviations that the coefficients are expected to have."""
    quads: npt.NDArray[np.int32]
    """(Q, 4) vertices."""
    landmarks: npt.NDArray[np.int64]
    """(66,): the vertex of each point of the markup."""

    def skin(self, coefficients: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Coefficients (K,) -> vertices of the skin (V, 3)."""
        skin: npt.NDArray[np.float32] = self.neutral + np.tensordot(
            coefficients.astype(np.float32), self.basis, axes=1
        )
        return skin


def load_head_model(data: Path) -> HeadModel:
    """Reads ``ict_facekit.npz`` and ``ict_vertex_indices.json`` below ``data``/models; else DataError."""
    path = data / "models" / "ict_facekit.npz"
    arrays = read_arrays(path, ["neutral", "identity", "expression", "quads"])
    require_shape(path, "neutral", arrays["neutral"], (None, 3))
    count = len(arrays["neutral"])
    for part in ("identity", "expression"):
        require_shape(path, part, arrays[part], (None, count, 3))
    require_shape(path, "quads", arrays["quads"], (None, 4))
    landmarks = landmark_vertices(data, _SKIN_VERTICES)
    skin = min(count, _SKIN_VERTICES)
    quads = arrays["quads"]
    basis = np.concatenate([arrays["identity"][:, :skin], arrays["expression"][:, :skin]])
    # Identity coefficients are scaled to a standard deviation of 1; expressions are meant to stay in [0, 1].
    deviation = np.repeat([1.0, 0.35], [len(arrays["identity"]), len(arrays["expression"])])
    return HeadModel(
        (arrays["neutral"][:skin] * TO_LIBRARY_FRAME).astype(np.float32),
        basis.astype(np.float32) * TO_LIBRARY_FRAME.astype(np.float32),
        deviation,
        quads[(quads < skin).all(axis=1)].astype(np.int32),
        landmarks,
    )
