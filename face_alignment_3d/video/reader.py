"""Reading a video: upright frames with square pixels and rising time stamps."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import VideoError
from face_alignment_3d.paths import is_file
from face_alignment_3d.video.containers import (
    RisingStamps,
    as_video_error,
    import_av,
    limit_threads,
    open_input,
)

if TYPE_CHECKING:
    import av

#: Frames a second of videos that do not say, or name the rate of their clock.
_USUAL_RATE: Final = Fraction(25)
_LARGEST_RATE: Final = 480
#: A video that ends this many seconds early has lost something.
_MISSING: Final = 0.5
#: Containers whose duration is measured from time stamp 0, or from the first one, as their writers like.
_MAY_COUNT_FROM_ZERO: Final = ("matroska", "webm", "flv")
#: Ratios of a pixel's sides beyond this, either way, are mistakes.
_LARGEST_PIXEL_RATIO: Final = 8


#: Of a frame; those of 8K are a third. A file of a few kilobytes may claim any size.
_MOST_PIXELS: Final = 100_000_000


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
    """(H, W, 3), as players show it: pixels are square, the video's rotation is applied, and its mirroring
    where it has one. The size may change midway."""


class VideoReader:
    """A local video file, open for reading; a context manager.

    Raises FileNotFoundError, :class:`VideoError` for a file without a video or with frames above 100
    megapixels, and :class:`BackendError` where PyAV is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        av = import_av()
        self.path = Path(path)
        if not is_file(self.path):
            raise FileNotFoundError(f"no such video: {self.path}")
        with as_video_error(f"{self.path} cannot be read as a video"):
            self._container = open_input(self.path)
        # An attached picture is the cover of a sound file, or the thumbnail of a video.
        cover = av.stream.Disposition.attached_pic
        streams = [s for s in self._container.streams.video if not s.disposition & cover]
        if not streams:
            self._container.close()
            raise VideoError(f"{self.path} has no pictures; expected a video")
        self._stream = streams[0]
        codec: Any = self._stream.codec_context  # None for what FFmpeg does not know, unlike its type.
        if codec is None:
            self._container.close()
            raise VideoError(f"{self.path}: its pictures are coded in a way that FFmpeg does not know")
        width, height = codec.width, codec.height
        if width * height > _MOST_PIXELS:
            self._container.close()
            raise VideoError(f"{self.path}: {_too_large(width, height)}")
        self._stream.thread_type = "AUTO"
        limit_threads(self._stream)
        self._read_until: float | None = None
        self.problem: str | None = None
        """A sentence on what was lost, known when :meth:`frames` has ended; None when nothing was."""

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
        rates = (self._stream.average_rate, self._stream.guessed_rate)
        return next((rate for rate in rates if rate and rate <= _LARGEST_RATE), _USUAL_RATE)

    @property
    def start(self) -> float:
        """The time stamp, in seconds, at which pictures or audio begin; 0 where the video does not say."""
        return (self._container.start_time or 0) / 1e6

    @property
    def duration(self) -> float | None:
        """Seconds from the first frame to the end, as the video says; None where it does not."""
        if self._stream.duration is not None:
            return float(self._stream.duration * self.time_base)
        if self._container.duration is None:
            return None
        seconds = self._container.duration / 1e6
        return seconds - self.start if self._may_count_from_zero and self.start < seconds else seconds

    @property
    def expected_frames(self) -> int | None:
        """The number of frames to be shown; None where the video does not say."""
        if (indexed := self._indexed_frames()) is not None:
            return indexed
        if self._stream.frames:
            return int(self._stream.frames)
        return None if self.duration is None else max(1, round(self.duration * float(self.rate)))

    def frames(self, *, every: int = 1) -> Iterator[VideoFrame]:
        """All frames that can be read, in order, with time stamps that rise; once for each open video.

        With ``every``, frames 0, ``every``, 2 * ``every`` and so on; others are decoded but not converted.

        Frames that an edit list hides are left out, as players do. Time stamps that do not rise are repaired,
        see :class:`RisingStamps`. Parts that cannot be decoded are left out, and :attr:`problem` tells so
        where the container lets it be known: some lose frames without a trace.
        """
        index, damaged = 0, 0
        first = last = None
        stamps = RisingStamps()
        step = max(1, round(1 / (self.rate * self.time_base)))
        for frame in self._decoded():
            if frame is None:
                damaged += 1
                continue
            unknown = 0 if last is None else last + step
            pts = stamps.next(unknown if frame.pts is None else frame.pts, step=step)
            damaged += frame.is_corrupt  # It is shown all the same: most of it is as it should be.
            first = pts if first is None else first
            last = pts
            if frame.width * frame.height > _MOST_PIXELS:
                raise VideoError(f"{self.path}: {_too_large(frame.width, frame.height)}")
            if index % every == 0:
                image = upright(_square_rgb(frame, self._stream.sample_aspect_ratio), display_matrix(frame))
                yield VideoFrame(index, pts, float(pts * self.time_base), image)
            index += 1
        if first is None or last is None:
            self.problem = "no frame could be read"
        else:
            begin, end = float(first * self.time_base), float(last * self.time_base + 1 / self.rate)
            self.problem = self._problem_of(index, damaged, begin, end)

    def _decoded(self) -> "Iterator[av.VideoFrame | None]":
        """Frames; None for each part that cannot be decoded."""
        error_type, video_frame = import_av().error.FFmpegError, import_av().VideoFrame
        packets = self._container.demux(self._stream, *self._container.streams.audio)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except error_type:
                yield None
                return  # Where the file itself ends amid something, there is no going on.
            if packet.stream_index != self._stream.index:
                self._note_end(packet)
                continue
            try:
                yield from (frame for frame in packet.decode() if isinstance(frame, video_frame))
            except error_type:
                yield None

    def _note_end(self, packet: "av.Packet[Any]") -> None:
        if packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._read_until = end if self._read_until is None else max(self._read_until, end)

    @property
    def _may_count_from_zero(self) -> bool:
        return any(name in self._container.format.name for name in _MAY_COUNT_FROM_ZERO)

    def _indexed_frames(self) -> int | None:
        """MP4 and its kin list all frames in advance, and mark those that an edit list hides."""
        if "mp4" not in self._container.format.name or not self._stream.frames:
            return None
        return sum(not entry.is_discard for entry in self._stream.index_entries)

    def _problem_of(self, frames: int, damaged: int, begin: float, end: float) -> str | None:
        """A sentence on missing frames; ``begin`` and ``end`` are those of the frames read, in seconds."""
        if self._stream.duration is None and self._read_until is not None:
            end = max(end, self._read_until)  # The container's duration is that of its longest stream.
        read, expected = end - begin, self.duration
        if self._stream.duration is None and expected is not None and self._may_count_from_zero:
            read = max(read, end - self.start)
        if expected is not None and expected - read > max(_MISSING, 2 / float(self.rate)):
            return f"the video breaks off: {frames} frames, {read:.1f} of {expected:.1f} s, could be read"
        damaged = max(damaged, (self._indexed_frames() or 0) - frames)
        if damaged:
            return (
                f"the video is damaged: {damaged} of its parts could not be read well; it has {frames} frames"
            )
        return None


def _too_large(width: int, height: int) -> str:
    most = f"{_MOST_PIXELS // 1_000_000} megapixels"
    return f"expected frames of at most {most}; got {width} x {height}: make a smaller copy of the video"


def _square_rgb(frame: "av.VideoFrame", pixel_ratio: Fraction | None) -> npt.NDArray[np.uint8]:
    """(H, W, 3): the stored picture with square pixels. ``pixel_ratio``: width over height of its pixels.

    The shorter side of the pixels is kept, so that nothing gets lost.
    """
    ratio = pixel_ratio or Fraction(1)
    if not 1 / _LARGEST_PIXEL_RATIO <= ratio <= _LARGEST_PIXEL_RATIO:
        ratio = Fraction(1)
    width = round(frame.width * max(ratio, Fraction(1)))
    height = round(frame.height / min(ratio, Fraction(1)))
    if (width, height) != (frame.width, frame.height):
        frame = frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC")
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def upright(image: npt.NDArray[np.uint8], matrix: npt.NDArray[np.int32] | None) -> npt.NDArray[np.uint8]:
    """``image`` (H, W, C) as its display matrix (3, 3) shows it: turned by quarters, mirrored, or both.

    A point (x, y) is shown at ``(x, y) @ matrix[:2, :2]``, up to a factor and a shift; x right, y down. The
    nearest of the eight ways is taken; None shows the picture as it is.
    """
    if matrix is None:
        return image
    (a, b), (c, d) = matrix[:2, :2].astype(float)
    is_transposed = abs(b) + abs(c) > abs(a) + abs(d)
    if is_transposed:
        image = image.swapaxes(0, 1)
    # The steps to the right come from x, or from y where these changed places.
    x_step, y_step = (c, b) if is_transposed else (a, d)
    image = image[:: -1 if y_step < 0 else 1, :: -1 if x_step < 0 else 1]
    return np.ascontiguousarray(image)


def display_matrix(frame: "av.VideoFrame") -> npt.NDArray[np.int32] | None:
    """The frame's display matrix (3, 3) as FFmpeg has it; None where there is none."""
    side_data: Any = frame.side_data  # PyAV's types know motion vectors only.
    data = side_data.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), np.int32, 9).reshape(3, 3)
