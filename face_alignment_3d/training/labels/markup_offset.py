"""The offset of a markup's points from the face model's vertices, in the head's frame.

A hand, or a network that learned from hands, marks a brow along its middle, the model along its edge: apart
from errors, the two differ by a constant offset of each point, fixed to the head. On a head turned by the
rotation R the offset o (x right, y down) appears in the photo as the upper left 2 x 2 part of R times o,
times the scale of the face. From many faces with known R it is found by least squares.

A fit without it would mistake the offset for pitch and expression.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.labels.evidence import Evidence, Floats
from face_alignment_3d.training.labels.face_fit import FaceFits

_ROUNDS: Final = 8
_HUBER: Final = 1.5
#: Median of the length of a plane Gaussian vector, in standard deviations of one axis.
_MEDIAN_LENGTH: Final = 1.1774
#: Keeps at zero what no face tells.
_RIDGE: Final = 1e-3


def markup_offset(fits: FaceFits, evidence: Evidence) -> Floats:
    """(K, 2): x, y in units of the mean face's radius; symmetric, like every markup.

    Least squares with Huber weights over the points of ``evidence`` that are marked for it, so that faces
    with a wrong fit or wrong points hardly count; 0 for points that no face has.
    """
    used = evidence.present() & evidence.tells_offset
    expected = np.einsum("kp,npd->nkd", evidence.picks, fits.points()[..., :2])
    apart = (fits.registered(evidence) - expected) / fits.scale[:, None, None]
    apart = np.where(used[..., None], apart, 0.0)
    turned = fits.rotation[:, :2, :2]
    weights = used.astype(np.float64)
    offset = np.zeros(apart.shape[1:])
    for _ in range(_ROUNDS):
        gram = np.einsum("nk,nij,nil->kjl", weights, turned, turned)
        gram += _RIDGE * max(1, int(used.sum(axis=0).max(initial=0))) * np.eye(2)
        right = np.einsum("nk,nij,nki->kj", weights, turned, apart)
        offset = np.linalg.solve(gram, right[..., None])[..., 0]
        offset = (offset + offset[evidence.mirror] * [-1.0, 1.0]) / 2
        distance = np.linalg.norm(apart - np.einsum("nij,kj->nki", turned, offset), axis=-1)
        limit = _HUBER * _median(distance, used) / _MEDIAN_LENGTH
        weights = used * np.minimum(1.0, limit / np.maximum(distance, 1e-12))
    return offset


def _median(values: Floats, used: npt.NDArray[np.bool_]) -> Floats:
    """(K,): over the faces that are used; 1 where there is none."""
    medians = [
        np.median(column[chosen]) if chosen.any() else 1.0
        for column, chosen in zip(values.T, used.T, strict=True)
    ]
    return np.array(medians)
