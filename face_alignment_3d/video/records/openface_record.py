"""The faces of a video as OpenFace's table of a video."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from face_alignment_3d.export.openface_file import OPENFACE_COLUMNS, openface_row
from face_alignment_3d.pose.camera import Camera
from face_alignment_3d.video.records.part_table import PartTable
from face_alignment_3d.video.records.protocol import RecordedVideo
from face_alignment_3d.video.tracked_face import TrackedFace3D


class OpenFaceRecord:
    """One row for each face of each frame, as of :func:`face_alignment_3d.export.write_openface_csv`.

    ``frame`` counts from 1, ``face_id`` is the ``track_id`` and ``timestamp`` the video's time stamp. The
    camera is assumed from the frame's size.
    """

    ENDING: Final = ".openface.csv"

    def __init__(self, path: Path, video: RecordedVideo) -> None:
        self._camera = Camera.assumed(height=video.height, width=video.width)
        self._table = PartTable(path, OPENFACE_COLUMNS)

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`VideoRecord`."""
        for face in faces:
            self._table.add(openface_row(face, self._camera, index + 1, face.track_id, time))

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`VideoRecord`; a table does not say whether it is complete."""
        return [self._table.finish()]

    def discard(self) -> None:
        """See :class:`VideoRecord`."""
        self._table.discard()
