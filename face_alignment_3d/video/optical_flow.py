"""Faces propagated by optical flow, for the frames between two alignments by the network.

The points of brows, nose, eyes and mouth are followed by the pyramidal method of Lucas and Kanade. Their
common motion, as of a rigid face under scaled orthography, is applied to all landmarks. Where it does not
explain the picture, because a mouth or an eye moves or something comes in front of the face, the network has
to align it.
"""

import math
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, box_around, crop_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import INNER
from face_alignment_3d.video.motion import face_size

Points = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

#: The window that is compared: pixels a side, and its side in longer sides of the face's box.
_SIDE: Final = 112
_CROP_SCALE: Final = 1.3
#: Of the method: side of the patch around a point, halvings of the window, and when an iteration ends.
_PATCH: Final = (13, 13)
_HALVINGS: Final = 2
_TERMINATION: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.02)
#: A patch that changed by more than this multiple of the typical change, and these gray levels, is another.
_CHANGED: Final = (3.0, 4.0)
#: A point that is this far from where the face's motion has it, in face sizes, moves on its own. In made
#: videos of faces of HELEN's training part, flow alone is off by 0.0004; in speech lips move by 0.015 a
#: frame.
_MAX_DEVIATION: Final = 0.004
#: So many points may be lost, changed or on their own way; with more the network has to align.
_MAX_OUTLIERS: Final = 1
#: Largest motion within the face since the alignment, in face sizes: beyond it other things come into sight.
_MAX_TURN: Final = 0.06
#: Of the fit, for faces whose depth hardly shows.
_RIDGE: Final = 1e-3
_FITS: Final = 2


class FaceFlow:
    """Follows one face by optical flow, from an alignment that found ``face`` in ``image_rgb`` (H, W, 3).

    ``roll`` is the lean of the head in radians, clockwise on screen.
    """

    def __init__(self, face: Face3D, image_rgb: npt.NDArray[np.uint8], *, roll: float) -> None:
        self._face = face
        self._points = np.asarray(face.landmarks, np.float64)
        self._inner = self._points[INNER, :2]
        box = box_around(self._points)
        self._window = crop_around(box, size=_SIDE, crop_scale=_CROP_SCALE, angle=roll)
        self._gray = _gray(image_rgb, self._window)

    def propagate(self, image_rgb: npt.NDArray[np.uint8], shift: npt.NDArray[np.floating]) -> Face3D | None:
        """The face in the next frame; None when the network has to align it and this object is used up.

        ``shift`` (2,): the expected motion of the face since the last frame, in pixels. All fields but the
        landmarks keep the network's values.
        """
        window = replace(
            self._window,
            center_x=self._window.center_x + float(shift[0]),
            center_y=self._window.center_y + float(shift[1]),
        )
        gray = _gray(image_rgb, window)
        before = self._window.to_crop(self._inner).astype(np.float32)
        after, found, change = (
            np.asarray(part)
            for part in cv2.calcOpticalFlowPyrLK(
                self._gray,
                gray,
                before,
                np.empty_like(before),
                winSize=_PATCH,
                maxLevel=_HALVINGS,
                criteria=_TERMINATION,
            )
        )
        limit = max(_CHANGED[0] * float(np.median(change)), _CHANGED[1])
        lost = (found.ravel() == 0) | (change.ravel() > limit)
        self._window, self._gray = window, gray
        self._inner = window.to_image(after.astype(np.float64))
        landmarks = moved_with(self._points, self._inner, lost=lost)
        return None if landmarks is None else replace(self._face, landmarks=landmarks.astype(np.float32))


def moved_with(points: Points, inner: Points, *, lost: _Mask) -> Points | None:
    """Landmarks (66, 3), moved as a rigid body by scaled orthography such that inner ones come to ``inner``.

    ``inner`` (49, 2) are x, y of all but the jaw, ``lost`` (49,) is True for points that were not found. The
    result has zero mean z, as ``points`` have. None where more than one point does not fit, or the face
    turned far.
    """
    if np.count_nonzero(lost) > _MAX_OUTLIERS:
        return None
    size = face_size(points)
    shape = (points - points[INNER].mean(axis=0)) / size
    every = np.column_stack([np.ones(len(points)), shape])
    basis, displaced = every[INNER], inner - points[INNER, :2]
    weights = np.where(lost, 0.0, 1.0)
    for _ in range(_FITS):
        weighted = (basis * weights[:, None]).T
        motion = np.linalg.solve(weighted @ basis + _RIDGE * np.eye(4), weighted @ displaced)
        deviation = np.linalg.norm(displaced - basis @ motion, axis=1) / size
        weights = np.where(lost, 0.0, 1 / (1 + np.square(deviation / (0.5 * _MAX_DEVIATION))))
    turn = shape @ motion[1:]
    if np.count_nonzero(lost | (deviation > _MAX_DEVIATION)) > _MAX_OUTLIERS:
        return None
    if float(np.linalg.norm(turn, axis=1).max()) > _MAX_TURN * size:
        return None
    # What makes x and y of the shape are rows of a rotation, scaled; their cross product makes z.
    rows = np.eye(2, 3) + motion[1:].T / size
    scale = math.sqrt(float(np.linalg.norm(rows[0]) * np.linalg.norm(rows[1])))
    z = size * (shape @ np.cross(rows[0], rows[1])) / scale
    return np.column_stack([points[:, :2] + every @ motion, z - z.mean()])


def _gray(image_rgb: npt.NDArray[np.uint8], window: Crop) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(window.sample(image_rgb), cv2.COLOR_RGB2GRAY), np.uint8)
