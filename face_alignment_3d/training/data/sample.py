"""What every data set yields."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Sample:
    """One face in one photo, labelled, in the library's frame: x right, y down, z away from the camera."""

    name: str
    """Data set and file, for messages and contact sheets."""
    image: npt.NDArray[np.uint8]
    """(H, W, 3) RGB."""
    points: npt.NDArray[np.float32]
    """(66, 3) in pixels of ``image``; z has zero mean."""
    weight_xy: npt.NDArray[np.float32]
    """(66,): how far x and y are to be believed; 1 is a careful hand, 0 is unknown."""
    weight_z: npt.NDArray[np.float32]
    """(66,): the same for z."""
