"""What ``face-alignment-3d video`` leaves: the video and the data files, each of them whole or not there."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from face_alignment_3d.markup68 import Markup
    from face_alignment_3d.video.reader import VideoFrame, VideoReader
    from face_alignment_3d.video.records import VideoRecord
    from face_alignment_3d.video.tracked_face import TrackedFace3D


class VideoOutput:
    """The video and the data files that were asked for; a context manager that removes what is unfinished.

    ``targets`` are format -> file, with "video" for the video. ``first`` is the first frame of ``video``;
    ``markup`` and ``blendshapes`` are those of :class:`~face_alignment_3d.video.records.RecordedVideo`.
    """

    def __init__(
        self,
        targets: dict[str, Path],
        video: "VideoReader",
        first: "VideoFrame",
        *,
        markup: "Markup",
        blendshapes: bool,
    ) -> None:
        from face_alignment_3d.video.records import RECORDS, RecordedVideo
        from face_alignment_3d.video.writer import VideoWriter

        height, width = first.image_rgb.shape[:2]
        recorded = RecordedVideo(str(video.path), height, width, float(video.rate), markup, blendshapes)
        self._target = targets.get("video")
        self._picture: VideoWriter | None = None
        self._records: list[VideoRecord] = []
        try:
            for kind, target in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                if kind == "video":
                    self._picture = VideoWriter(
                        target,
                        height=height,
                        width=width,
                        time_base=video.time_base,
                        rate=video.rate,
                        audio_of=video.path,
                    )
                else:
                    self._records.append(RECORDS[kind](target, recorded))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "VideoOutput":
        return self

    def __exit__(self, *_: object) -> None:
        """Removes what is not finished."""
        for unfinished in (self._picture, *self._records):
            if unfinished is not None:
                unfinished.discard()

    def add(self, frame: "VideoFrame", faces: "list[TrackedFace3D]") -> None:
        """The next frame and its faces."""
        from face_alignment_3d.video.overlay import draw_tracked

        if self._picture is not None:
            self._picture.write(draw_tracked(frame.image_rgb, faces), pts=frame.pts)
        for record in self._records:
            record.add(frame.index, frame.time, faces)

    def finish(self, *, complete: bool, stopped: bool) -> list[Path]:
        """The files, which are now in their places.

        ``complete``: these are all frames that the video should have; ``stopped``: it would go on.
        """
        written = []
        if self._picture is not None and self._target is not None:
            self._picture.finish(complete=not stopped)
            written.append(self._target)
        for record in self._records:
            written += record.finish(complete=complete)
        return written
