"""The landmarks of a turned head that its own skin does not hide."""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.labels.face_model import Floats
from face_alignment_3d.training.novel_views.depth_map import towards_camera
from face_alignment_3d.training.novel_views.head_model import HeadModel
from face_alignment_3d.training.novel_views.surface import draw

#: Height of the head in the z-buffer, and the side of that, pixels.
_HEAD, _SIDE = 128, 192
#: A landmark is seen when no skin is nearer than it by more than this, in pixels of the z-buffer.
_TOLERANCE: Final = 4.0


def visible_landmarks(
    model: HeadModel, skin: npt.NDArray[np.float32], center: Floats, turn_by: Floats
) -> npt.NDArray[np.bool_]:
    """(66,): the landmarks seen after ``turn_by`` (3, 3) of a posed head's ``skin`` (V, 3) about ``center``.

    A landmark at the very rim counts as seen: of the pixels around it, that with the farthest skin decides.
    """
    turned = (skin - center) @ turn_by.T
    turned *= _HEAD / np.ptp(turned[:, 1])
    turned[:, :2] += _SIDE / 2 - turned[:, :2].mean(axis=0)
    turned = turned.astype(np.float32)
    corners = turned[model.quads]
    facing = corners[towards_camera(corners)]
    depth = draw(facing, facing[:, :, 2:], size=(_SIDE, _SIDE), thickness=1.0).depth
    landmarks = turned[model.landmarks]
    column, row = np.clip(np.rint(landmarks[:, :2]).astype(np.int64), 1, _SIDE - 2).T
    around = np.stack([depth[row + j, column + i] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    seen: npt.NDArray[np.bool_] = landmarks[:, 2] <= around.max(axis=0) + _TOLERANCE
    return seen
