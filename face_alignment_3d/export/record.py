"""The content of a result file for one photo, and the frame of 3D viewers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import in_order
from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose.head_pose import HeadPose

#: Name and version of the layout of result files; the version changes when a reader would have to, or when
#: there is more to be read.
SCHEMA: Final = "face-alignment-3d/4"


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """The faces of one photo."""

    image: str
    """The photo's path, or another name for it."""
    height: int
    """Of the upright photo, in pixels."""
    width: int
    """Of the upright photo, in pixels."""
    faces: Sequence[Face3D]
    """In the aligner's order: largest first."""


def shortest(values: npt.NDArray[np.float32]) -> list[float]:
    """(N,) floats with the fewest decimals that give the same float32 back: 0.1, not 0.10000000149011612."""
    # Not str(value), which numpy.set_printoptions(legacy=...) shortens.
    return [float(np.format_float_positional(value)) for value in np.asarray(values, np.float32)]


def visibility_row(face: Face3D) -> npt.NDArray[np.float32]:
    """(66,): :attr:`Face3D.visibility`; NaN where it is not known."""
    unknown = np.full(len(face.landmarks), np.nan, np.float32)
    return unknown if face.visibility is None else np.asarray(face.visibility, np.float32)


def visibility_cells(face: Face3D) -> list[float | str]:
    """66 cells of a table; empty where visibility is not known."""
    return [""] * len(face.landmarks) if face.visibility is None else [*shortest(face.visibility)]


def pose_of(face: Face3D) -> HeadPose | None:
    """The face's pose; None where the landmarks have none, so that the rest can still be written."""
    try:
        return face.pose
    except LandmarksError:
        return None


def blendshape_cells(face: Face3D) -> list[float | str]:
    """52 cells of a table in the order of :data:`~face_alignment_3d.arkit.BLENDSHAPES`.

    Those that are not known are empty.
    """
    values = in_order(face.blendshapes)
    return ["" if math.isnan(value) else round(value, 6) for value in values]


def blendshape_row(face: Face3D) -> npt.NDArray[np.float32]:
    """(52,) in the order of :data:`~face_alignment_3d.arkit.BLENDSHAPES`; NaN where not known."""
    return np.array(in_order(face.blendshapes), np.float32)


def y_up(points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """(..., 3) with x right, y down, z away -> (..., 3) with y up and z towards the viewer.

    Both frames are right-handed. Minus zero, which is ugly in text, becomes zero.
    """
    axes = np.array([1, -1, -1], np.float32)
    flipped: npt.NDArray[np.float32] = np.asarray(points, np.float32) * axes + np.float32(0)
    return flipped
