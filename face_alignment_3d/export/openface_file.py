"""The faces of many photos or frames as a CSV with OpenFace's columns."""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.export.frame_writer import FrameFaces, VideoInfo
from face_alignment_3d.export.record import PhotoFaces
from face_alignment_3d.export.table_file import TableFile
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup68 import to_68
from face_alignment_3d.pose.camera import Camera
from face_alignment_3d.pose.perspective import MEAN_INTERPUPILLARY_MM

_COLUMNS: Final = (
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *(f"pose_T{axis}" for axis in "xyz"),
    *(f"pose_R{axis}" for axis in "xyz"),
    *(f"{axis}_{point}" for axis in "xyXYZ" for point in range(68)),
)


def write_openface_csv(
    path: str | os.PathLike[str],
    photos: Iterable[PhotoFaces],
    *,
    camera: Camera | None = None,
    frames_per_second: float | None = None,
    interpupillary_mm: float = MEAN_INTERPUPILLARY_MM,
) -> None:
    """Writes one row a face to ``path``, with those of OpenFace 2's columns that 66 landmarks can fill.

    ``frame`` counts the photos from 1 and ``face_id`` the faces of each from 0; ``timestamp`` is in
    seconds, 0 without ``frames_per_second``; ``confidence`` is the mean over the points; ``success`` is 0
    for a face without a pose, whose other numbers are then 0. ``pose_T*`` is the point midway between the
    outer eye corners in camera coordinates, in millimeters, x right, y down, z along the view; ``pose_R*``
    are radians about the camera's axes with R = Rx Ry Rz; ``x_*, y_*`` pixels; ``X_*, Y_*, Z_*``
    millimeters in camera coordinates. Points follow the 68-point markup; 60 and 64 are derived. Gaze and
    action units are left out.

    ``camera`` is that of all photos; None assumes one for each photo's size. Millimeters scale with
    ``interpupillary_mm``. Whole or not at all; raises OSError when the folder is missing or cannot be
    written to.
    """
    with TableFile(path, _COLUMNS) as table:
        for frame, photo in enumerate(photos):
            used = camera or Camera.assumed(height=photo.height, width=photo.width)
            time = frame / frames_per_second if frames_per_second else 0.0
            for index, face in enumerate(photo.faces):
                table.add(_row(face, used, frame + 1, index, time, interpupillary_mm))
        table.finish()


class OpenFaceFrameWriter:
    """One row for each face of each frame, as of :func:`write_openface_csv`.

    ``frame`` counts from 1, ``face_id`` is the ``track_id`` and ``timestamp`` the seconds since the first
    frame. The camera is assumed from the frame's size.
    """

    ENDING: Final = ".openface.csv"

    def __init__(self, path: Path, video: VideoInfo) -> None:
        self._start = video.start
        self._table = TableFile(path, _COLUMNS)

    def add(self, frame: FrameFaces) -> None:
        """See :class:`FrameWriter`."""
        camera = Camera.assumed(height=frame.height, width=frame.width)
        for face in frame.faces:
            self._table.add(_row(face, camera, frame.index + 1, face.track_id, frame.time - self._start))

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`FrameWriter`; a table does not say whether it is complete."""
        return [self._table.finish()]

    def discard(self) -> None:
        """See :class:`FrameWriter`."""
        self._table.discard()


def _row(
    face: Face3D,
    camera: Camera,
    frame: int,
    face_id: int,
    time: float,
    interpupillary_mm: float = MEAN_INTERPUPILLARY_MM,
) -> list[str]:
    """The face's row under :data:`_COLUMNS`; ``time`` in seconds."""
    numbers = _numbers(face, camera, interpupillary_mm)
    confidence = f"{float(np.mean(face.confidence)):.3f}"
    success = str(int(numbers.any()))
    return [
        *(str(frame), str(face_id), f"{time:.3f}", confidence, success),
        *(f"{value:.6g}" for value in numbers),
    ]


def _numbers(face: Face3D, camera: Camera, interpupillary_mm: float) -> npt.NDArray[np.float64]:
    try:
        pose = face.perspective_pose(camera, interpupillary_mm=interpupillary_mm)
    except LandmarksError:
        return np.zeros(6 + 5 * 68)
    pixels = to_68(np.asarray(face.landmarks, np.float64)[:, :2])
    points = to_68(pose.to_camera(pose.points_canonical))
    return np.concatenate([pose.translation, _euler_xyz(pose.rotation), pixels.T.ravel(), points.T.ravel()])


def _euler_xyz(rotation: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Radians x, y, z with rotation = Rx(x) Ry(y) Rz(z)."""
    y = math.asin(max(-1.0, min(1.0, rotation[0, 2])))
    x = math.atan2(-rotation[1, 2], rotation[2, 2])
    z = math.atan2(-rotation[0, 1], rotation[0, 0])
    return x, y, z
