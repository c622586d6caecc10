"""Which of several faces moves the one avatar."""

import math
from collections.abc import Sequence
from typing import Final

from face_alignment_3d.crop import box_around
from face_alignment_3d.video.tracked_face import TrackedFace3D

#: Seconds for which a face that is lost is waited for.
_PATIENCE: Final = 1.0


class MainFace:
    """Keeps to one face as long as it is there: the largest when it was chosen.

    Where it is gone for more than a second, the largest of the others takes its place.
    """

    def __init__(self) -> None:
        self._track_id: int | None = None
        self._seen_at = -math.inf

    def of(self, faces: Sequence[TrackedFace3D], *, time: float) -> TrackedFace3D | None:
        """The main one of the faces to be seen at ``time``, in seconds; None while there is none."""
        kept = next((face for face in faces if face.track_id == self._track_id), None)
        if kept is None and faces and time - self._seen_at > _PATIENCE:
            kept = max(faces, key=_size)
        if kept is not None:
            self._track_id, self._seen_at = kept.track_id, time
        return kept


def _size(face: TrackedFace3D) -> float:
    x0, y0, x1, y1 = (float(value) for value in box_around(face.landmarks))
    return max(x1 - x0, y1 - y0)
