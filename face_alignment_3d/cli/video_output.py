"""The files that ``face-alignment-3d video`` writes, each of them whole or not there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from face_alignment_3d.export import FrameWriter
    from face_alignment_3d.markup68 import Markup
    from face_alignment_3d.video.reader import VideoFrame, VideoReader
    from face_alignment_3d.video.tracked_face import TrackedFace3D
    from face_alignment_3d.video.writer import VideoWriter


class VideoOutput:
    """The video and the data files that were asked for; a context manager that removes what is unfinished.

    ``targets`` are format -> file, with "video" for the video. ``first`` is the first frame of ``video``;
    ``markup`` and ``blendshapes`` are those of :class:`~face_alignment_3d.export.VideoInfo`.

    A file that cannot be written is given up, and the others go on; :attr:`failures` tells. Raises OSError
    and :class:`VideoError` for a file that cannot be begun, and where none is left.
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
        from face_alignment_3d.export import FRAME_WRITERS, VideoInfo
        from face_alignment_3d.video.writer import VideoWriter

        height, width = first.image_rgb.shape[:2]
        info = VideoInfo(
            str(video.path),
            height,
            width,
            float(video.rate),
            first.time,
            markup=markup,
            blendshapes=blendshapes,
        )
        self.failures: list[str] = []
        """Sentences on files that could not be written, or lack something."""
        self.warnings: list[str] = []
        """Sentences on differences between the files and what a user may expect of them."""
        self.frames = 0
        """The number of frames in the files."""
        self._size = (height, width)
        self._targets = targets
        self._picture: VideoWriter | None = None
        self._writers: dict[str, FrameWriter] = {}
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
                        start=video.start,
                        audio_of=video.path,
                    )
                else:
                    self._writers[kind] = FRAME_WRITERS[kind](target, info)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "VideoOutput":
        return self

    def __exit__(self, *_: object) -> None:
        """Removes what is not finished."""
        for unfinished in (self._picture, *self._writers.values()):
            if unfinished is not None:
                unfinished.discard()

    def add(self, frame: "VideoFrame", faces: "list[TrackedFace3D]") -> None:
        """Takes the next frame and its faces."""
        from face_alignment_3d.export import FrameFaces

        height, width = frame.image_rgb.shape[:2]
        if (height, width) != self._size:
            self._size = (height, width)
            self.warnings.append(
                f"frame {frame.index} and those after it have {width} x {height} pixels; coordinates are "
                "pixels of each frame, and the new video keeps its size"
            )
        found = FrameFaces(frame.index, frame.time, height, width, faces)
        picture = self._picture
        if picture is not None and not self._try("video", lambda: _draw(picture, frame, faces)):
            picture.discard()
            self._picture = None
        for kind, writer in list(self._writers.items()):
            if not self._try(kind, lambda writer=writer: writer.add(found)):  # type: ignore[misc]
                writer.discard()
                del self._writers[kind]
        if self._targets and self._picture is None and not self._writers:
            raise OSError("; ".join(self.failures))
        self.frames += 1

    def finish(self, *, complete: bool, stopped: bool) -> list[Path]:
        """Gives the files their names, and returns these.

        ``complete``: these are all frames that the video should have; ``stopped``: the user ended the work
        early.
        """
        written: list[Path] = []
        picture = self._picture
        if picture is not None:
            if self._try("video", lambda: picture.finish(complete=not stopped)):
                written.append(self._targets["video"])
            (self.failures if picture.is_audio_incomplete else self.warnings).extend(picture.warnings)
        for kind, writer in self._writers.items():
            self._try(kind, lambda writer=writer: written.extend(writer.finish(complete=complete)))  # type: ignore[misc]
        if self._targets and not written and self.failures:
            raise OSError("; ".join(self.failures))
        return written

    def _try(self, kind: str, act: Callable[[], None]) -> bool:
        """Calls ``act``; False if it fails, which is noted."""
        from face_alignment_3d.errors import VideoError

        try:
            act()
        except (OSError, VideoError) as error:
            target, text = str(self._targets[kind]), str(error)
            self.failures.append(text if target in text else f"{target} cannot be written: {text}")
            return False
        return True


def _draw(picture: "VideoWriter", frame: "VideoFrame", faces: "list[TrackedFace3D]") -> None:
    from face_alignment_3d.video.overlay import draw_tracked

    picture.write(draw_tracked(frame.image_rgb, faces), pts=frame.pts)
