"""The faces of a video as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.export.csv_file import COLUMNS as PHOTO_COLUMNS
from face_alignment_3d.export.record import blendshape_cells, shortest, visibility_cells
from face_alignment_3d.video.records.part_table import PartTable
from face_alignment_3d.video.records.protocol import RecordedVideo
from face_alignment_3d.video.tracked_face import TrackedFace3D


class CsvRecord:
    """One row for each face of each frame: ``frame``, ``time``, ``track_id``, then as in a photo's CSV.

    Those of blendshapes are there where :attr:`RecordedVideo.blendshapes` says so.
    """

    ENDING: Final = ".csv"

    def __init__(self, path: Path, video: RecordedVideo) -> None:
        # The first two columns of a photo's table name the photo and count its faces.
        columns = ["frame", "time", "track_id", *PHOTO_COLUMNS[2:]]
        self._has_blendshapes = video.blendshapes
        self._table = PartTable(path, [*columns, *(BLENDSHAPES if video.blendshapes else ())])

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`VideoRecord`."""
        for face in faces:
            numbers = [*shortest(face.box), *shortest(face.landmarks.T.reshape(-1))]
            score = "" if face.score is None else float(face.score)
            per_point = [*shortest(face.confidence), *visibility_cells(face)]
            row = [index, round(time, 6), face.track_id, score, *numbers, *per_point]
            self._table.add([*row, *(blendshape_cells(face) if self._has_blendshapes else ())])

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`VideoRecord`; a table does not say whether it is complete."""
        return [self._table.finish()]

    def discard(self) -> None:
        """See :class:`VideoRecord`."""
        self._table.discard()
