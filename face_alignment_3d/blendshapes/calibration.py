"""Taking a person's own features for what they are: no expression."""

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
    """(N, 66, 3) points of people -> (N, C), not clipped: 0 where they are at rest, and 1 where it was.

    ``resting`` (66, 3) or (N, 66, 3) is what the people look like without expression, ``neutral`` (66, 3) the
    mean face without one. Points are as the regressor takes them. How people differ from the mean face is
    taken off their points; what the regressor still says of the mean face is taken off its answer.
    """
    at_rest = regressor.predict(neutral[None])
    raw = regressor.predict(np.asarray(points, np.float64) - (np.asarray(resting, np.float64) - neutral))
    calibrated: Floats = (raw - at_rest) / (1 - at_rest)
    return calibrated
