"""Faces as a table: those of many photos, or of the frames of a video."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.export.frame_writer import FrameFaces, VideoInfo
from face_alignment_3d.export.record import PhotoFaces, blendshape_cells, shortest, visibility_cells
from face_alignment_3d.export.table_file import TableFile
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import NUM_LANDMARKS

_FACE_COLUMNS: Final = (
    "score",
    *("x0", "y0", "x1", "y1"),
    *(f"{axis}_{point}" for axis in ("x", "y", "z", "c", "v") for point in range(NUM_LANDMARKS)),
)


def write_csv(
    path: str | os.PathLike[str], photos: Iterable[PhotoFaces], *, blendshapes: bool = False
) -> None:
    r"""Writes one row a face to ``path``, in UTF-8 with a header, whole or not at all.

    Columns: ``image``; ``face``, counted from 0 in each photo; ``score``, empty if the box was the caller's;
    ``x0, y0, x1, y1``, the box; then ``x_0`` to ``x_65``, ``y_...``, ``z_...``, the confidences
    ``c_...`` and the visibilities ``v_...``, empty where the weights do not tell.
    ``blendshapes`` adds a column for each of ARKit's blendshapes, under its name, with empty cells for
    what is not known. Photos without a face have no row. Units and signs are those of
    :class:`face_alignment_3d.face.Face3D`. Bytes of a file name that are not UTF-8 are written as escapes,
    such as ``\udce9``. Raises OSError when the folder is missing or cannot be written to.
    """
    with TableFile(path, ["image", "face", *_columns(blendshapes)]) as table:
        for photo in photos:
            for index, face in enumerate(photo.faces):
                table.add([photo.image, index, *_cells(face, blendshapes)])
        table.finish()


class CsvFrameWriter:
    """One row for each face of each frame: ``frame``, ``time``, ``track_id``, then as in a photo's CSV.

    Those of blendshapes are there where :attr:`VideoInfo.blendshapes` is True.
    """

    ENDING: Final = ".csv"

    def __init__(self, path: Path, video: VideoInfo) -> None:
        self._has_blendshapes = video.blendshapes
        self._table = TableFile(path, ["frame", "time", "track_id", *_columns(video.blendshapes)])

    def add(self, frame: FrameFaces) -> None:
        """See :class:`FrameWriter`."""
        for face in frame.faces:
            row = _cells(face, self._has_blendshapes)
            self._table.add([frame.index, round(frame.time, 6), face.track_id, *row])

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`FrameWriter`; a table does not say whether it is complete."""
        return [self._table.finish()]

    def discard(self) -> None:
        """See :class:`FrameWriter`."""
        self._table.discard()


def _columns(blendshapes: bool) -> list[str]:
    return [*_FACE_COLUMNS, *(BLENDSHAPES if blendshapes else ())]


def _cells(face: Face3D, blendshapes: bool) -> list[float | str]:
    """The face's row under :func:`_columns`."""
    return [
        "" if face.score is None else float(face.score),
        *shortest(face.box),
        *shortest(np.asarray(face.landmarks).T.reshape(-1)),
        *shortest(face.confidence),
        *visibility_cells(face),
        *(blendshape_cells(face) if blendshapes else ()),
    ]
