"""What a result file says of one photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.face import Face3D

#: Name and version of the layout of result files; the version changes when a reader would have to.
SCHEMA: Final = "face-alignment-3d/1"


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """The faces of one photo."""

    image: str
    """The photo's path, or whatever else tells it from the others."""
    height: int
    """Of the upright photo, in pixels."""
    width: int
    """Of the upright photo, in pixels."""
    faces: Sequence[Face3D]
    """In the aligner's order: largest first."""


def shortest(values: npt.NDArray[np.float32]) -> list[float]:
    """(N,) floats with the fewest decimals that give the same float32 back: 0.1, not 0.10000000149011612."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]
