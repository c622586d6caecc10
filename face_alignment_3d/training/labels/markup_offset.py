"""How far another markup's points lie from this one's, measured on faces, so that it can be taken out.

Two networks that were teacher_labelled different markups differ, beside their errors, by a constant of each
point in the face's own frame: a brow is drawn along its middle or along its edge. On a head turned by the
rotation R, the constant o shows in the photo as the first two rows of R o, times the face's size. From many
faces with known R it is found by least squares, without trusting the other network's z.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import MIRROR, NUM_LANDMARKS
from face_alignment_3d.pose.similarity import umeyama

Floats = npt.NDArray[np.float64]

#: Fewer faces than this do not give a constant; the spread of a point is about 2 % of the face size.
MIN_FACES: Final = 20
_ROUNDS: Final = 10
_HUBER: Final = 1.5
#: Median of the length of a plane Gaussian vector, in standard deviations of one axis.
_MEDIAN_LENGTH: Final = 1.1774
#: Keeps the depth of an offset at zero where the heads do not turn enough to show it.
_RIDGE: Final = 1e-2


@dataclass(frozen=True, eq=False)
class MarkupOffset:
    """Lengths are fractions of the face size, the root of the area of the frontal face's box."""

    template: Floats
    """(66, 3): the mean face, frontal, with a box of area 1; x right, y down, z away."""
    points: Floats
    """(66, 3): other markup minus this one, in the template's frame; symmetric."""
    spread: Floats
    """(66,): standard deviation, along one axis, of what remains of the difference in x and y."""

    def removed(self, other: npt.NDArray[np.floating], reference: npt.NDArray[np.floating]) -> Floats:
        """(N, 66, 2): x, y of ``other`` (N, 66, 2 or 3) as this markup has them.

        ``reference`` (N, 66, 3), points of this markup on the same faces and in the same pixels, says how
        the heads are turned and how large they are.
        """
        rotated, size = _pose(self.template, reference)
        shift = np.einsum("nij,pj->npi", rotated, self.points)
        corrected: Floats = np.asarray(other, np.float64)[..., :2] - size[:, None, None] * shift
        return corrected


def measure_offset(
    other: npt.NDArray[np.floating], reference: npt.NDArray[np.floating], mean_face: npt.NDArray[np.floating]
) -> MarkupOffset:
    """From points of another markup (N, 66, 2 or 3) and of this one (N, 66, 3) on the same N faces.

    ``mean_face`` (66, 3), frontal, in any unit, defines the face's frame. Least squares with Huber weights,
    so that faces on which one of both fails hardly count. Raises :class:`DataError` for fewer than 20
    faces.
    """
    if len(reference) < MIN_FACES:
        raise DataError(
            f"expected at least {MIN_FACES} faces to measure the offset between two markups on; got "
            f"{len(reference)}: give more faces"
        )
    template = np.asarray(mean_face, np.float64)
    x0, y0, x1, y1 = box_around(template).astype(np.float64)
    template = (template - template.mean(axis=0)) / np.sqrt((x1 - x0) * (y1 - y0))
    rotated, size = _pose(template, reference)
    apart = np.asarray(other, np.float64)[..., :2] - np.asarray(reference, np.float64)[..., :2]
    difference = apart / size[:, None, None]
    weights = np.ones(difference.shape[:2])
    points = np.zeros((NUM_LANDMARKS, 3))
    for _ in range(_ROUNDS):
        points = _mirror_mean(_solve(rotated, difference, weights))
        remaining = np.linalg.norm(difference - np.einsum("nij,pj->npi", rotated, points), axis=-1)
        limit = _HUBER * np.median(remaining, axis=0) / _MEDIAN_LENGTH
        weights = np.minimum(1.0, limit / np.maximum(remaining, 1e-12))
    return MarkupOffset(template, points, np.median(remaining, axis=0) / _MEDIAN_LENGTH)


def _pose(template: Floats, reference: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    """The first two rows of each head's rotation (N, 2, 3), and the faces' sizes in pixels (N,)."""
    target = np.asarray(reference, np.float64)
    scale, rotation, _ = umeyama(np.broadcast_to(template, target.shape), target)
    return rotation[:, :2], scale


def _solve(rotated: Floats, difference: Floats, weights: Floats) -> Floats:
    gram = np.einsum("np,nij,nik->pjk", weights, rotated, rotated)
    gram += _RIDGE * len(rotated) * np.eye(3)
    right = np.einsum("np,nij,npi->pj", weights, rotated, difference)
    solved: Floats = np.linalg.solve(gram, right[..., None])[..., 0]
    return solved


def _mirror_mean(points: Floats) -> Floats:
    """The mean with the mirror image: a markup knows no left and right."""
    return (points + points[MIRROR] * [-1.0, 1.0, 1.0]) / 2
