"""The points that one source has on N faces: 2D points with their standard deviations."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: The standard deviation of a point that is not there.
ABSENT: Final = np.inf


@dataclass(frozen=True, eq=False)
class Evidence:
    """2D points of one markup on N faces, each a mean of some of the 68 points of the face model.

    Points of one markup lie elsewhere than the model's vertices by a constant of the head (a brow is marked
    along its middle or along its edge), which :mod:`face_alignment_3d.training.labels.markup_offset` finds.
    """

    kind: str
    """The markup's name, such as ``"ibug"``."""
    points: Floats
    """(N, K, 2) x, y in pixels of the photo; undefined where ``std`` is infinite."""
    std: Floats
    """(N, K): standard deviation along an axis, in face radii; infinite where there is no point."""
    picks: Floats
    """(K, 68): the points as means of the model's, rows of sum 1, or 0 for points that the model lacks."""
    mirror: npt.NDArray[np.int64]
    """(K,): the point that each is in a mirrored picture."""
    tells_offset: npt.NDArray[np.bool_]
    """(N, K): True for points that the markup's offset is measured on."""
    registered: bool = True
    """False where the points lie in another frame: the same but for a shift and a scale, which are fitted."""

    def present(self) -> npt.NDArray[np.bool_]:
        """(N, K): True where there is a point."""
        finite: npt.NDArray[np.bool_] = np.isfinite(self.std)
        return finite
