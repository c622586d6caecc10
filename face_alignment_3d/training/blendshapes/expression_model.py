"""ICT-FaceKit's faces and ARKit's expressions, at the landmarks alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import OUTER_EYE_CORNERS
from face_alignment_3d.training.data.archives import read_arrays, require_shape
from face_alignment_3d.training.data.ict_facekit import TO_LIBRARY_FRAME, landmark_vertices

Floats = npt.NDArray[np.float64]

_SIDES = {"_L": "Left", "_R": "Right"}
#: ARKit has one blendshape where ICT-FaceKit has one for each side: both sides move together.
_JOINED = ("browInnerUp", "cheekPuff")
#: The shapes of ICT-FaceKit that ARKit has no name for, and the one of ARKit that ICT-FaceKit lacks.
NOT_IN_ARKIT = frozenset(f"{name}{side}" for name in ("PupilDilate", "cheekRaiser") for side in _SIDES)
NOT_IN_MODEL = frozenset({"tongueOut"})


@dataclass(frozen=True, eq=False)
class ExpressionModel:
    """66 landmarks as neutral + identity + expression, in centimeters; x right, y down, z away."""

    neutral: Floats
    """(66, 3): the mean identity without expression."""
    identity: Floats
    """(K, 66, 3): for coefficients that are independent and standard normal."""
    shapes: Floats
    """(52, 66, 3): the displacement by each of ARKit's blendshapes at 1, in ARKit's order; zero where the
    model lacks it."""

    def faces(self, identity: Floats, blendshapes: Floats) -> Floats:
        """(N, K) and (N, 52) -> (N, 66, 3), in inter-ocular distances of each identity."""
        resting = self.neutral + np.tensordot(identity, self.identity, axes=1)
        right, left = OUTER_EYE_CORNERS
        unit = np.linalg.norm(resting[:, right] - resting[:, left], axis=1)[:, None, None]
        faces: Floats = (resting + np.tensordot(blendshapes, self.shapes, axes=1)) / unit
        return faces


def arkit_name(shape: str) -> str | None:
    """ARKit's name of a shape of ICT-FaceKit: ``eyeBlink_L`` is ``eyeBlinkLeft``; None where it has none.

    Both mean the subject's left, also in ``jawLeft`` and ``mouthLeft``.
    """
    if shape in NOT_IN_ARKIT:
        return None
    for suffix, side in _SIDES.items():
        if shape.endswith(suffix):
            name = shape.removesuffix(suffix)
            return name if name in _JOINED else name + side
    return shape


def load_expression_model(data: Path) -> ExpressionModel:
    """Reads ``ict_facekit.npz`` and ``ict_vertex_indices.json`` below ``data``/models.

    Raises :class:`DataError` when they are missing, broken or have other shapes than ARKit's.
    """
    path = data / "models" / "ict_facekit.npz"
    arrays = read_arrays(path, ["neutral", "identity", "expression", "expression_names"])
    require_shape(path, "neutral", arrays["neutral"], (None, 3))
    count, names = len(arrays["neutral"]), [str(name) for name in arrays["expression_names"]]
    require_shape(path, "identity", arrays["identity"], (None, count, 3))
    require_shape(path, "expression", arrays["expression"], (len(names), count, 3))
    vertices = landmark_vertices(data, count)

    def at_landmarks(part: str) -> Floats:
        points: Floats = arrays[part][..., vertices, :].astype(np.float64) * TO_LIBRARY_FRAME
        return points

    shapes = np.zeros((len(BLENDSHAPES), len(vertices), 3))
    found = set()
    for name, shape in zip(names, at_landmarks("expression"), strict=True):
        if (arkit := arkit_name(name)) is not None:
            if arkit not in BLENDSHAPES:
                raise DataError(f"expected expressions with ARKit's names in {path}; got {name}")
            shapes[BLENDSHAPES.index(arkit)] += shape
            found.add(arkit)
    if missing := sorted(set(BLENDSHAPES) - found - NOT_IN_MODEL):
        raise DataError(f"expected all of ARKit's expressions in {path}; it lacks {', '.join(missing)}")
    return ExpressionModel(at_landmarks("neutral"), at_landmarks("identity"), shapes)
