"""The faces of a film as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from face_alignment_3d.arkit import COEFFICIENTS
from face_alignment_3d.export.csv_file import COLUMNS as PHOTO_COLUMNS
from face_alignment_3d.export.record import coefficient_cells, shortest
from face_alignment_3d.video.records.part_table import PartTable
from face_alignment_3d.video.records.protocol import RecordedFilm
from face_alignment_3d.video.tracked_face import TrackedFace3D


class CsvRecord:
    """One row for each face of each frame: ``frame``, ``time``, ``track_id``, then as in a photo's CSV.

    Those of face coefficients are there where :attr:`RecordedFilm.coefficients` says so.
    """

    ENDING: Final = ".csv"

    def __init__(self, path: Path, film: RecordedFilm) -> None:
        # The first two columns of a photo's table name the photo and count its faces.
        columns = ["frame", "time", "track_id", *PHOTO_COLUMNS[2:]]
        self._has_coefficients = film.coefficients
        self._table = PartTable(path, [*columns, *(COEFFICIENTS if film.coefficients else ())])

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`FilmRecord`."""
        for face in faces:
            numbers = [*shortest(face.box), *shortest(face.landmarks.T.reshape(-1))]
            score = "" if face.score is None else float(face.score)
            row = [index, round(time, 6), face.track_id, score, *numbers, *shortest(face.confidence)]
            self._table.add([*row, *(coefficient_cells(face) if self._has_coefficients else ())])

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`FilmRecord`; a table does not say whether it is complete."""
        return [self._table.finish()]

    def discard(self) -> None:
        """See :class:`FilmRecord`."""
        self._table.discard()
