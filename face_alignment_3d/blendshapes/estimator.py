"""Landmarks in, blendshapes out."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes.calibration import predict_calibrated
from face_alignment_3d.blendshapes.result import Blendshapes
from face_alignment_3d.blendshapes.visibility import VISIBLE
from face_alignment_3d.blendshapes.weights_file import load_blendshape_model
from face_alignment_3d.weights.store import resolve_weights

if TYPE_CHECKING:
    from face_alignment_3d.face import Face3D

Floats = npt.NDArray[np.float64]

_COLUMNS = [BLENDSHAPES.index(name) for name in VISIBLE]


class BlendshapeEstimator:
    """Reads ARKit's blendshapes from the landmarks of a face.

    ``weights`` is a name in the manifest ("blendshapes" lies inside the package) or the path of a file that
    ``face-alignment-3d train blendshapes`` wrote. ``offline=True`` forbids downloading; None leaves that to
    the environment. Needs NumPy alone. It never changes, so one may be used from several threads.

    Raises :class:`WeightsError` when the weights cannot be had or are not those of blendshapes.
    """

    def __init__(
        self, weights: str | os.PathLike[str] = "blendshapes", *, offline: bool | None = None
    ) -> None:
        self._weights = load_blendshape_model(resolve_weights(weights, offline=offline))
        self._resting: Floats | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether it knows what somebody's face looks like without expression."""
        return self._resting is not None

    def estimate(self, face: "Face3D") -> Blendshapes:
        """The blendshapes of a face, from its landmarks alone.

        Raises :class:`LandmarksError` when the landmarks have no pose.
        """
        points, regressor = self._read([face]), self._weights.regressor
        if self._resting is None:
            raw = regressor.predict(points)[0]
        else:
            neutral = self._weights.neutral
            raw = predict_calibrated(regressor, points, resting=self._resting, neutral=neutral)[0]
        values = np.full(len(BLENDSHAPES), np.nan)
        values[_COLUMNS] = np.clip(raw, 0.0, 1.0)
        return Blendshapes(values)

    def calibrated(self, neutral: "Face3D | Sequence[Face3D]") -> "BlendshapeEstimator":
        """An estimator for one person, who is shown without expression in one or several faces.

        How that face differs from the mean face is then taken off the landmarks, so that it is not taken for
        an expression: the neutral face gets 0 throughout, and 1 can still be reached. Several frames of it,
        half a second of video, give a better one than a single frame. This estimator stays as it is.

        Raises ValueError without a face and :class:`LandmarksError` when one has no pose.
        """
        faces = list(neutral) if isinstance(neutral, Sequence) else [neutral]
        if not faces:
            raise ValueError("calibration needs at least one face without expression; got none")
        other = object.__new__(BlendshapeEstimator)
        other._weights = self._weights
        other._resting = self._read(faces).mean(axis=0)
        return other

    def _read(self, faces: "Sequence[Face3D]") -> Floats:
        return self._weights.reading.read(np.stack([face.points_canonical for face in faces]))
