"""The points of ICT-FaceKit's markup on a face, from this library's landmarks.

Two differences are corrected. Each point lies at a slightly other place of the face, by a constant offset.
And the landmark network follows closing eyelids only part of the way; the openness of an eye is therefore
computed from all points of eye and brow, by a linear function that was fitted to hand-made labels, and the
upper lid is moved to match it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import MIRROR

Floats = npt.NDArray[np.float64]

#: Of the subject's right eye; the left one is read on the mirrored face. Upper lid points and those of the
#: lower lid below them; corners; all that the openness is computed from, the points of the brow and the eye.
UPPER_LID: Final = (37, 38)
LOWER_LID: Final = (41, 40)
CORNERS: Final = (36, 39)
EYE_AND_BROW: Final = (*range(17, 22), *range(36, 42))


@dataclass(frozen=True, eq=False)
class Reading:
    """The correction's constants, measured on photos. Lengths are canonical units."""

    offset: Floats
    """(66, 3): this library's points minus ICT-FaceKit's, on a face without expression; symmetric."""
    lid_weight: Floats
    """(33,): of the coordinates of the points in :data:`EYE_AND_BROW`."""
    lid_bias: float
    """The constant term: ``lid_weight @ coordinates + lid_bias`` is the gap between the lids over the eye's
    width."""

    def read(self, points_canonical: npt.NDArray[np.floating]) -> Floats:
        """(N, 66, 3) canonical points of this library -> (N, 66, 3) as ICT-FaceKit has them."""
        points = self._with_right_lid(np.array(points_canonical, np.float64))
        mirrored = self._with_right_lid(_mirrored(points))
        return _mirrored(mirrored) - self.offset

    def _with_right_lid(self, points: Floats) -> Floats:
        gap = np.maximum(eye_and_brow_coordinates(points) @ self.lid_weight + self.lid_bias, 0.0)
        missing = gap - eye_openness(points)
        width = np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=1)
        points[:, UPPER_LID, 1] -= (missing * width)[:, None]
        return points


def eye_and_brow_coordinates(points_canonical: Floats) -> Floats:
    """(N, 66, 3) -> (N, 33): the coordinates from which the right eye's openness is computed."""
    return points_canonical[:, EYE_AND_BROW].reshape(len(points_canonical), -1)


def eye_openness(points: npt.NDArray[np.floating]) -> Floats:
    """(N, 66, D) -> (N,): mean gap between the right eye's lids over its width."""
    lids = np.linalg.norm(points[:, UPPER_LID] - points[:, LOWER_LID], axis=-1).mean(axis=1)
    openness: Floats = lids / np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=-1)
    return openness


def _mirrored(points: Floats) -> Floats:
    mirrored: Floats = points[:, MIRROR] * [-1.0, 1.0, 1.0]
    return mirrored
