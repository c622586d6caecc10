"""Calibrated blendshapes: relative to a person's own resting face."""

import numpy as np
import numpy.typing as npt

from face_alignment_3d.blendshapes.regressor import Regressor

Floats = npt.NDArray[np.float64]


def predict_calibrated(
    regressor: Regressor,
    points: npt.NDArray[np.floating],
    *,
    resting: npt.NDArray[np.floating],
    neutral: Floats,
) -> Floats:
    """(N, 66, 3) points of people -> (N, C) blendshapes, not clipped: 0 for a person's resting face.

    ``resting`` (66, 3) or (N, 66, 3) are the people's faces without expression, ``neutral`` (66, 3) is the
    mean face without one. All points are as the regressor takes them. The difference between resting and mean
    face is subtracted from the points, and the regressor's output for the mean face from its output; the
    result is rescaled so that 1 is still reached.
    """
    at_rest = regressor.predict(neutral[None])
    raw = regressor.predict(np.asarray(points, np.float64) - (np.asarray(resting, np.float64) - neutral))
    calibrated: Floats = (raw - at_rest) / (1 - at_rest)
    return calibrated
