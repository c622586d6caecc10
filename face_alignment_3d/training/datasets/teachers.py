"""Faces without hand-made labels, and what two public networks (teachers) say of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import FROM_68

_FIXED_POINT = 32.0
_KEYS = ("names", "tddfa68_x32", "mediapipe68_x32", "yaw", "disagreement")


@dataclass(frozen=True, eq=False)
class TaughtFaces:
    """N faces; points are (N, 66, 3) pixels of the stored photo in the library's frame, z centred."""

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


def open_taught_faces(data: Path) -> TaughtFaces:
    """Opens ``data/faces/teachers.npz``."""
    path = data / "faces" / "teachers.npz"
    try:
        with np.load(path) as archive:
            names, tddfa, mediapipe, yaw, disagreement = (archive[key] for key in _KEYS)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"expected {', '.join(_KEYS)} in {path}, got {error}") from error
    return TaughtFaces(
        path.parent,
        tuple(str(n) for n in names),
        _points66(tddfa),
        _points66(mediapipe),
        yaw.astype(np.float32),
        disagreement.astype(np.float32),
    )


def _points66(fixed_point: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    points = fixed_point[:, FROM_68].astype(np.float32) / _FIXED_POINT
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    return points
