"""The agreement of hands and networks about a face, and the jaw points that a turned head hides."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import FROM_68, INNER
from face_alignment_3d.training.data.datasets.face_sets import SEEN, FaceSet, aflw_picks
from face_alignment_3d.training.labels.evidence import Floats

Mask = npt.NDArray[np.bool_]

#: From this yaw on, degrees, the outline that a hand marks on the far side is no longer the jaw line.
FAR_SIDE_YAW: Final = 13.0


@dataclass(frozen=True, eq=False)
class NetworkPoints:
    """The predictions of a trained network for N faces, each the mean over several views."""

    points: Floats
    """(N, 66, 3) in pixels of the photo."""
    spread: Floats
    """(N, 66): mean distance of the views from their mean in x, y, pixels."""


def far_jaw(yaw: Floats) -> Mask:
    """(N,) yaw in degrees -> (N, 17): True for jaw points on the far side, hidden by the turned head.

    The outline that is visible there is the cheek's.
    """
    side = np.arange(17)
    # A nose that points to the image's right (positive yaw) hides the subject's left: points 8 to 16.
    hidden: Mask = np.where(yaw[:, None] > 0, side > 7, side < 9) & (np.abs(yaw) > FAR_SIDE_YAW)[:, None]
    return hidden


def disagreement(faces: FaceSet, network: NetworkPoints, radius: Floats) -> Floats:
    """(N,): the disagreement between a network and the other sources, in face radii.

    For each kind of hand-made points, the median distance of the network's inner points from them; the
    largest of these. Without hand-made points, four fifths of the distance from 3DDFA_V2's.
    """
    own = network.points[..., :2]
    found = []
    if faces.ibug68 is not None:
        found.append(median_distance(own[:, INNER], faces.ibug68[:, FROM_68][:, INNER], radius))
    if faces.merl68 is not None and faces.merl_state is not None:
        seen = np.where((faces.merl_state == SEEN)[..., None], faces.merl68, np.nan)
        found.append(median_distance(own[:, INNER], seen[:, FROM_68][:, INNER], radius))
    if faces.aflw21 is not None:
        picks = aflw_picks()[:, FROM_68]
        total = picks.sum(axis=1, keepdims=True)
        # The chin belongs to the jaw, and of the mouth's center half a pick is left, which is as good.
        usable = np.flatnonzero((total[:, 0] > 0) & (np.arange(21) != 20))
        picked = np.einsum("kp,npd->nkd", (picks / np.maximum(total, 1e-9))[usable], own)
        found.append(median_distance(picked, faces.aflw21[:, usable], radius))
    predicted = median_distance(own[:, INNER], faces.predicted[:, FROM_68][:, INNER, :2], radius)
    if not found:
        return 0.8 * predicted
    largest = np.nanmax(np.stack([*found, np.full(len(faces), -1.0)]), axis=0)
    return np.where(largest < 0, 0.8 * predicted, largest)


def median_distance(first: Floats, second: Floats, radius: Floats) -> Floats:
    """(N,): the median distance of the points; NaN where a face has none."""
    distance = np.linalg.norm(first - second, axis=-1) / radius[:, None]
    result = np.full(len(first), np.nan)
    some = np.isfinite(distance).any(axis=1)
    result[some] = np.nanmedian(distance[some], axis=1)
    return result
