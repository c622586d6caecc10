"""The network that estimates blendshapes from canonical points, in NumPy, and its calibration to a person."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import MIRROR

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Regressor:
    """A perceptron with SiLU between its layers; equivariant to mirroring by construction.

    It takes ICT-FaceKit's landmarks, as :class:`~face_alignment_3d.blendshapes.reading.Reading` makes them.
    """

    mean: Floats
    """(66, 3): canonical units; subtracted from the points."""
    spread: Floats
    """(66, 3): the divisor of the points after that."""
    layers: tuple[tuple[Floats, Floats], ...]
    """Weight (out, in) and bias (out,) of each layer; the first takes 198 numbers, the last gives C."""
    mirror: npt.NDArray[np.int64]
    """(C,): the index of each blendshape's counterpart on the mirrored face."""

    def predict(self, points_canonical: npt.NDArray[np.floating]) -> Floats:
        """(N, 66, 3) -> (N, C), neither clipped nor calibrated: about 0 to 1, and somewhat beyond."""
        points = np.asarray(points_canonical, np.float64)
        mirrored = points[:, MIRROR] * [-1.0, 1.0, 1.0]
        mean: Floats = (self._forward(points) + self._forward(mirrored)[:, self.mirror]) / 2
        return mean

    def _forward(self, points: Floats) -> Floats:
        values = ((points - self.mean) / self.spread).reshape(len(points), -1)
        for index, (weight, bias) in enumerate(self.layers):
            if index:
                values = values / (1 + np.exp(-values))
            values = values @ weight.T + bias
        return values


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
