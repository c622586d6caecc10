"""The blendshapes of a face, estimated from its landmarks."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES, VISIBLE, Blendshapes
from face_alignment_3d.blendshapes.regressor import predict_calibrated
from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.face import Face3D
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.optional import optional_import
from face_alignment_3d.weights.requirement import require_weights
from face_alignment_3d.weights.store import pinned_weights

if TYPE_CHECKING:
    from face_alignment_3d.blendshapes.weights_file import BlendshapeModel

Floats = npt.NDArray[np.float64]

_Face = TypeVar("_Face", bound=Face3D)

_COLUMNS = [BLENDSHAPES.index(name) for name in VISIBLE]


class BlendshapeEstimator:
    """Reads ARKit's blendshapes from the landmarks of a face.

    ``weights`` is a name in the manifest ("blendshapes" lies inside the package) or the path of a file that
    ``face-alignment-3d train blendshapes`` wrote. ``offline=True`` forbids downloading; None leaves that to
    the environment. Needs NumPy alone. It has no state that changes, so it may be used from several threads.
    Weights are loaded at the first use; pickles and copies load them anew.

    Raises :class:`WeightsError` when the weights cannot be had or are not those of blendshapes; a damaged or
    wrong file raises it at the first use.
    """

    def __init__(
        self, weights: str | os.PathLike[str] = "blendshapes", *, offline: bool | None = None
    ) -> None:
        required = require_weights(weights, kind="blendshapes", offline=offline)
        self._model = Lazy(partial(_load, required, offline))
        self._resting: Floats | None = None

    @property
    def is_calibrated(self) -> bool:
        """True for an estimator of one person, made by :meth:`calibrated`."""
        return self._resting is not None

    def estimate(self, face: Face3D) -> Blendshapes:
        """The blendshapes of a face, from its landmarks alone.

        Raises :class:`LandmarksError` when the landmarks have no pose, or are no face.
        """
        model = self._model()
        points, regressor = self._read([face]), model.regressor
        if self._resting is None:
            raw = regressor.predict(points)[0]
        else:
            raw = predict_calibrated(regressor, points, resting=self._resting, neutral=model.neutral)[0]
        values = np.full(len(BLENDSHAPES), np.nan)
        values[_COLUMNS] = np.clip(raw, 0.0, 1.0)
        return Blendshapes(values)

    def annotate(self, face: _Face) -> _Face:
        """``face`` with its :attr:`Face3D.blendshapes`, which are None for landmarks without a pose."""
        try:
            return replace(face, blendshapes=self.estimate(face))
        except LandmarksError:
            return replace(face, blendshapes=None)

    def calibrated(self, neutral: Face3D | Sequence[Face3D]) -> "BlendshapeEstimator":
        """An estimator for one person, who is shown without expression in one or several faces.

        The difference of that face from the mean face is then subtracted from the landmarks, so that it does
        not count as an expression: the neutral face gets 0 throughout, and 1 can still be reached. Several
        frames of it, half a second of video, give a better one than a single frame. This estimator stays as
        it is.

        Raises ValueError without a face and :class:`LandmarksError` when one has no pose.
        """
        faces = list(neutral) if isinstance(neutral, Sequence) else [neutral]
        if not faces:
            raise ValueError("calibration needs at least one face without expression; got none")
        other = object.__new__(BlendshapeEstimator)
        other._model = self._model
        other._resting = self._read(faces).mean(axis=0)
        return other

    def _read(self, faces: Sequence[Face3D]) -> Floats:
        with np.errstate(all="ignore"):
            points = self._model().reading.read(np.stack([face.points_canonical for face in faces]))
        if not np.isfinite(points).all():
            raise LandmarksError(
                "landmarks must be those of a face to show an expression; eyes without a width have none: "
                "skip this face"
            )
        return points


def as_estimator(
    blendshapes: bool | BlendshapeEstimator, *, offline: bool | None
) -> BlendshapeEstimator | None:
    """A new estimator for True, None for False, and an estimator unchanged. Raises ValueError for others."""
    if isinstance(blendshapes, bool):
        return BlendshapeEstimator(offline=offline) if blendshapes else None
    if not hasattr(blendshapes, "annotate"):
        raise ValueError(f"blendshapes must be True, False or a BlendshapeEstimator; got {blendshapes!r}")
    return blendshapes


def _load(weights: str | os.PathLike[str], offline: bool | None) -> "BlendshapeModel":
    with optional_import("estimating blendshapes"):
        from face_alignment_3d.blendshapes.weights_file import load_blendshape_model
        from face_alignment_3d.weights.safetensors_file import read_weight_file

    path, sha256 = pinned_weights(weights, offline=offline)
    return load_blendshape_model(read_weight_file(path, sha256=sha256))
