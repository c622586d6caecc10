"""One face as iBUG's ``.pts``."""

import os
from pathlib import Path

import numpy as np

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.export.record import shortest
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup68 import Markup, in_markup


def write_pts(path: str | os.PathLike[str], face: Face3D, *, markup: Markup = "68") -> None:
    """Writes x, y of a face to ``path`` as 300-W's files have them, whole or not at all.

    The format counts pixels from 1: the center of the top-left one is (1, 1), so 1 is added to both. Most
    readers expect 68 points; the two that the landmarks lack are derived
    (:func:`~face_alignment_3d.markup68.to_68`). Raises :class:`LandmarksError` for landmarks that are not
    finite, and OSError when the folder is missing or cannot be written to.
    """
    face.require_finite()
    points = in_markup(np.asarray(face.landmarks, np.float32)[:, :2], markup) + np.float32(1)
    lines = [" ".join(map(str, shortest(point))) for point in points]
    text = "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])
    write_atomically(Path(path), text.encode("ascii"))
