"""The faces of a video as Live Link Face's tables, one a face."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from face_alignment_3d.export.live_link_file import (
    LIVE_LINK_COLUMNS,
    LiveLinkFrame,
    live_link_row,
    require_rate,
)
from face_alignment_3d.export.record import pose_of
from face_alignment_3d.video.records.protocol import RecordedVideo
from face_alignment_3d.video.records.track_files import TrackFiles
from face_alignment_3d.video.tracked_face import TrackedFace3D


class LiveLinkRecord:
    """A table a track, as of :func:`face_alignment_3d.export.write_live_link_csv`: a row for each frame in
    which the face is seen and has a pose, with the video's time stamp as ``Timecode``.
    """

    ENDING: Final = ".livelink.csv"

    def __init__(self, path: Path, video: RecordedVideo) -> None:
        require_rate(video.rate)
        self._rate = video.rate
        self._files = TrackFiles(path, ending=self.ENDING)
        self._origin: float | None = None

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`VideoRecord`."""
        if self._origin is None:
            self._origin = min(time, 0.0)  # Videos may begin a little before zero; timecodes cannot.
        for face in faces:
            pose = pose_of(face)
            if pose is None:
                continue
            frame = LiveLinkFrame(face.blendshapes, pose, time - self._origin)
            rows = [live_link_row(frame, index=index, frames_per_second=self._rate)]
            if self._files.frames_of(face) == 0:
                rows.insert(0, list(LIVE_LINK_COLUMNS))
            self._files.append(face, "".join(f"{','.join(row)}\n" for row in rows).encode("ascii"))

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`VideoRecord`; a table does not say whether it is complete."""
        return [part.finish(name) for part, name in self._files.targets()]

    def discard(self) -> None:
        """See :class:`VideoRecord`."""
        self._files.discard()
