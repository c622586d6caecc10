"""The depth of each pixel of a photo that shows a head, and the landmarks that its own skin does not hide."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.face_model import Floats
from face_alignment_3d.training.novel_views.head_model import HeadModel
from face_alignment_3d.training.novel_views.surface import fill, render

Map = npt.NDArray[np.float32]

#: Height of the head in the z-buffer of visibility, and the side of that, pixels.
_HEAD, _SIDE = 128, 192
#: A landmark is seen when no skin is nearer than it by more than this, in pixels of that z-buffer.
_TOLERANCE: Final = 4.0


def head_depth(
    skin: npt.NDArray[np.float32], quads: npt.NDArray[np.int32], *, size: tuple[int, int]
) -> tuple[Map, npt.NDArray[np.bool_]]:
    """Depth (h, w) of the nearest skin, in pixels away from the camera, and a mask (h, w) of the head.

    ``skin`` (V, 3) in pixels of the photo. The holes of eyes and mouth are closed, and the depth of the
    head's rim is continued beside it.
    """
    corners = skin[quads]
    facing = corners[towards_camera(corners)]
    depth = render(facing, facing[:, :, 2:], size=size, thickness=1.0).values[:, :, 0]
    drawn = np.ones(size, dtype=bool)
    drawn[depth == 0] = False
    head = _without_holes(drawn)
    # The outermost pixels are seen at a grazing angle, and their depth is uncertain.
    inner = drawn & (cv2.erode(head.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    return np.asarray(cv2.medianBlur(fill(depth, inner), 3), dtype=np.float32), head


def towards_camera(corners: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """(Q,): True for quads (Q, 4, 3) that show their outer side; others would show through holes."""
    across, along = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    turning: npt.NDArray[np.bool_] = across[:, 0] * along[:, 1] - across[:, 1] * along[:, 0] < 0
    return turning


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
    depth = render(facing, facing[:, :, 2:], size=(_SIDE, _SIDE), thickness=1.0).depth
    landmarks = turned[model.landmarks]
    column, row = np.clip(np.rint(landmarks[:, :2]).astype(np.int64), 1, _SIDE - 2).T
    around = np.stack([depth[row + j, column + i] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    seen: npt.NDArray[np.bool_] = landmarks[:, 2] <= around.max(axis=0) + _TOLERANCE
    return seen


def _without_holes(seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    outlines, _ = cv2.findContours(seen.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = np.zeros(seen.shape, dtype=np.uint8)
    cv2.drawContours(mask, outlines, -1, (1,), thickness=cv2.FILLED)
    return mask > 0
