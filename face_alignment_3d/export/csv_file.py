"""The faces of many photos as one table."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.export.record import PhotoFaces, blendshape_cells, shortest
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import NUM_LANDMARKS

COLUMNS: Final = (
    "image",
    "face",
    "score",
    *("x0", "y0", "x1", "y1"),
    *(f"{axis}_{point}" for axis in ("x", "y", "z", "c") for point in range(NUM_LANDMARKS)),
)


def write_csv(
    path: str | os.PathLike[str], photos: Iterable[PhotoFaces], *, blendshapes: bool = False
) -> None:
    """Writes one row a face to ``path``, in UTF-8 with a header, whole or not at all.

    Columns: ``image``; ``face``, counted from 0 in each photo; ``score``, empty if the box was the caller's;
    ``x0, y0, x1, y1``, the box; then ``x_0`` to ``x_65``, ``y_...``, ``z_...`` and the confidences ``c_...``.
    ``blendshapes`` adds a column for each of ARKit's blendshapes, under its name, with empty cells for
    what is not known. Photos without a face have no row. Units and signs are those of
    :class:`face_alignment_3d.face.Face3D`. Bytes of a file name that are not UTF-8 are written as escapes,
    such as ``\\udce9``. Raises OSError when the folder is missing or cannot be written to.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*COLUMNS, *(BLENDSHAPES if blendshapes else ())])
    for photo in photos:
        for index, face in enumerate(photo.faces):
            row = [photo.image, index, *_numbers(face)]
            writer.writerow([*row, *(blendshape_cells(face) if blendshapes else ())])
    write_atomically(Path(path), table.getvalue().encode("utf-8", "backslashreplace"))


def _numbers(face: Face3D) -> list[float | str]:
    score = "" if face.score is None else float(face.score)
    return [
        score,
        *shortest(face.box),
        *shortest(np.asarray(face.landmarks).T.reshape(-1)),
        *shortest(face.confidence),
    ]
