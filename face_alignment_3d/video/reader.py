"""Reading a video: upright frames with their time stamps, as far as they go."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import VideoError
from face_alignment_3d.video.pyav import import_av, saying
from face_alignment_3d.video.upright import display_matrix, upright

if TYPE_CHECKING:
    import av

#: Frames a second of videos that do not say.
_USUAL_RATE: Final = Fraction(25)
#: A video that ends this many seconds early has lost something.
_MISSING: Final = 0.5


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame of a video."""

    index: int
    """Its place among the frames that could be read, from 0."""
    pts: int
    """Its time stamp, in units of ``VideoReader.time_base``."""
    time: float
    """Its time stamp in seconds."""
    image_rgb: npt.NDArray[np.uint8]
    """(H, W, 3), upright: the video's rotation is applied, and its mirroring where it has one."""


class VideoReader:
    """A video file, open for reading; a context manager.

    Raises FileNotFoundError, :class:`VideoError` for what is no video and :class:`BackendError` where PyAV is
    not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        av = import_av()
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"no such video: {self.path}")
        with saying(f"{self.path} cannot be read as a video"):
            self._container = av.open(str(self.path))
        if not self._container.streams.video:
            self._container.close()
            raise VideoError(f"{self.path} has no pictures; expected a video")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.problem: str | None = None
        """What is wrong with the video, known when :meth:`frames` has ended; None when nothing is."""

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def time_base(self) -> Fraction:
        """Seconds in a unit of ``VideoFrame.pts``."""
        return self._stream.time_base or Fraction(1, 90_000)

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average; a guess where the video does not say."""
        return self._stream.average_rate or self._stream.guessed_rate or _USUAL_RATE

    @property
    def duration(self) -> float | None:
        """Seconds, as the video says; None where it does not."""
        if self._stream.duration is not None:
            return float(self._stream.duration * self.time_base)
        return None if self._container.duration is None else self._container.duration / 1e6

    @property
    def expected_frames(self) -> int | None:
        """How many frames there should be; None where the video does not say."""
        if self._stream.frames:
            return int(self._stream.frames)
        return None if self.duration is None else max(1, round(self.duration * float(self.rate)))

    def frames(self) -> Iterator[VideoFrame]:
        """All frames that can be read, in order, with time stamps that rise; once for each open video.

        What cannot be decoded is left out, and :attr:`problem` says so where the video lets it be known: some
        containers lose frames without a trace.
        """
        index, damaged, last, start = 0, 0, None, None
        for frame in self._decoded():
            if frame is None:
                damaged += 1
                continue
            step = max(1, round(1 / (self.rate * self.time_base)))
            pts = frame.pts if frame.pts is not None else (0 if last is None else last + step)
            if last is not None and pts <= last:
                damaged += 1
                continue
            damaged += frame.is_corrupt  # It is shown all the same: most of it is as it should be.
            start = pts if start is None else start
            last = pts
            stored = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            image = upright(stored, display_matrix(frame))
            yield VideoFrame(index, pts, float(pts * self.time_base), image)
            index += 1
        self.problem = self._verdict(index, damaged, start, last)

    def _decoded(self) -> "Iterator[av.VideoFrame | None]":
        """Frames; None for each part that cannot be decoded."""
        error_type = import_av().error.FFmpegError
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except error_type:
                yield None
                return  # Where the file itself ends amid something, there is no going on.
            try:
                yield from packet.decode()
            except error_type:
                yield None

    def _verdict(self, frames: int, damaged: int, start: int | None, last: int | None) -> str | None:
        if start is None or last is None:
            return "no frame could be read"
        read = float((last - start) * self.time_base + 1 / self.rate)
        if self.duration is not None and self.duration - read > max(_MISSING, 2 / float(self.rate)):
            return (
                f"the video breaks off: {frames} frames, {read:.1f} of {self.duration:.1f} s, could be read"
            )
        damaged = max(damaged, self._stream.frames - frames)
        if damaged:
            return (
                f"the video is damaged: {damaged} of its parts could not be read well; it has {frames} frames"
            )
        return None
