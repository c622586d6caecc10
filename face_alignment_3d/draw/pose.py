"""The head's axes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.draw.layer import Layer, face_size, line_width
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb

#: The head's axes in the canonical frame, and their colors: out of the nose, to the subject's left, down.
_POSE_AXES: Final = (
    ((0.0, 0.0, -1.0), (90, 150, 255)),
    ((1.0, 0.0, 0.0), (255, 95, 85)),
    ((0.0, 1.0, 0.0), (110, 230, 120)),
)
#: In inter-ocular distances.
_POSE_AXIS_LENGTH: Final = 0.9


def draw_pose(
    image: ImageLike, faces: Sequence[Face3D], *, color: ColorOrder = "rgb"
) -> npt.NDArray[np.uint8]:
    """A new RGB picture (H, W, 3) uint8 of ``image`` with the axes of each head on it.

    They start between the eyes: blue points out of the nose, red to the subject's left, green down. Near ones
    cover far ones. ``image`` and ``color`` are as in :func:`draw_landmarks`. Raises :class:`ImageError` for
    what is no image, :class:`LandmarksError` for a face without a pose.
    """
    picture: npt.NDArray[np.uint8] = as_rgb(image, color=color).copy()
    for face in faces:
        origin = face.pose.to_image(np.zeros(3))
        tips = face.pose.to_image(_POSE_AXIS_LENGTH * np.array([axis for axis, _ in _POSE_AXES]))
        size = face_size(face)
        layer = Layer.over(picture, np.vstack([origin, tips])[:, :2], size)
        if layer is None:
            continue
        for index in np.argsort(-tips[:, 2], kind="stable"):
            layer.line(origin[:2], tips[index, :2], 2 * line_width(size), _POSE_AXES[index][1])
        layer.blend()
    return picture
