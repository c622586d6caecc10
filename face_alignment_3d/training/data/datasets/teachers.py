"""Faces without hand-made labels, and what two public networks (teachers) say of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.archives import read_arrays, require_files, require_shape

_FIXED_POINT = 32.0
_KEYS = ("names", "tddfa68_x32", "mediapipe68_x32", "yaw", "disagreement")


@dataclass(frozen=True, eq=False)
class TeacherLabelledFaces:
    """N faces; points are (N, 66, 3) pixels of the stored photo in the library's frame, z centered."""

    directory: Path
    names: tuple[str, ...]
    tddfa: npt.NDArray[np.float32]
    """From 3DDFA_V2: follows the 3D markup, holds up to profile, blunt on expressions."""
    mediapipe: npt.NDArray[np.float32]
    """From MediaPipe: sharper near the front, other jaw and brows, fails from about 60 degrees of yaw."""
    yaw: npt.NDArray[np.float32]
    """(N,) degrees."""
    disagreement: npt.NDArray[np.float32]
    """(N,): mean inner distance between the two over the face size."""

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        return as_rgb(self.directory / self.names[index])

    def teachers_agree(self) -> npt.NDArray[np.bool_]:
        """Where neither is likely to be wrong: 4.5 % of the face size, 7 % beyond 50 degrees of yaw."""
        return self.disagreement < np.where(np.abs(self.yaw) > 50, 0.07, 0.045)


def open_teacher_labelled_faces(data: Path) -> TeacherLabelledFaces:
    """Opens ``data/faces/teachers.npz`` and checks that its photos are there; else raises DataError."""
    path = data / "faces" / "teachers.npz"
    arrays = read_arrays(path, _KEYS)
    names = tuple(str(n) for n in arrays["names"])
    for key in ("tddfa68_x32", "mediapipe68_x32"):
        require_shape(path, key, arrays[key], (len(names), 68, 3))
    for key in ("yaw", "disagreement"):
        require_shape(path, key, arrays[key], (len(names),))
    require_files(path.parent, names, index=path)
    return TeacherLabelledFaces(
        path.parent,
        names,
        _points66(arrays["tddfa68_x32"]),
        _points66(arrays["mediapipe68_x32"]),
        arrays["yaw"].astype(np.float32),
        arrays["disagreement"].astype(np.float32),
    )


def _points66(fixed_point: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    points = fixed_point[:, FROM_68].astype(np.float32) / _FIXED_POINT
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    return points
