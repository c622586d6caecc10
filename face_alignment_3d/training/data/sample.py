"""One labelled face in one photo: the element of every data set."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import NUM_LANDMARKS


def _unknown() -> npt.NDArray[np.float32]:
    return np.zeros(NUM_LANDMARKS, dtype=np.float32)


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
    """(66,): the weight of x and y; 1 is a careful hand, 0 is unknown."""
    weight_z: npt.NDArray[np.float32]
    """(66,): the weight of z, likewise."""
    visible: npt.NDArray[np.float32] = field(default_factory=_unknown)
    """(66,): 1 for a landmark that can be seen, 0 for one that something hides, the head itself included."""
    weight_visible: npt.NDArray[np.float32] = field(default_factory=_unknown)
    """(66,): the weight of ``visible``; 0 where it is not known."""
