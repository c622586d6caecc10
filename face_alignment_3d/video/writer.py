"""Writing a video with the time stamps and the audio of another."""

from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import VideoError
from face_alignment_3d.video.audio import Audio
from face_alignment_3d.video.part_file import PartFile
from face_alignment_3d.video.pyav import import_av, saying

#: Ending -> what FFmpeg calls the container.
CONTAINERS: Final = MappingProxyType({".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"})

#: Good enough that landmarks can be judged by the picture, and quick.
_ENCODER: Final = MappingProxyType({"crf": "18", "preset": "veryfast"})
#: From this height on videos are taken to have the colors of ITU-R BT.709, below it those of BT.601.
_HIGH_DEFINITION: Final = 720


class VideoWriter:
    """An H.264 video that appears at ``path`` when it is finished: whole, or not at all; a context manager.

    Leaving the context without :meth:`finish` removes what was written. ``height`` and ``width`` are those
    of the upright frames; odd ones are enlarged by a pixel, as the format has it. ``time_base`` is the unit
    of the time stamps, in seconds, and ``rate`` the usual number of frames a second. ``audio_of``: the video
    whose audio is to be copied.

    Raises :class:`VideoError` for an ending other than .mp4, .mov and .mkv, or when the file cannot be
    written to, and :class:`BackendError` where PyAV is not installed.
    """

    def __init__(
        self,
        path: Path,
        *,
        height: int,
        width: int,
        time_base: Fraction,
        rate: Fraction,
        audio_of: Path | None = None,
    ) -> None:
        self._av = import_av()
        if path.suffix.lower() not in CONTAINERS:
            raise VideoError(f"videos are written as {', '.join(CONTAINERS)}; got {path}")
        self._part = PartFile(path)
        self._what = f"{path} cannot be written"
        self._size = (height, width)
        self._high_definition = height >= _HIGH_DEFINITION
        self._time_base, self._rate = time_base, rate
        self._last_pts: int | None = None
        with saying(self._what):
            self._part.path.touch()  # FFmpeg would say only at the first frame that it cannot.
            self._container = self._av.open(str(self._part.path), "w", format=CONTAINERS[path.suffix.lower()])
        try:
            with saying(self._what):
                self._stream = self._container.add_stream("libx264", rate=rate, options=dict(_ENCODER))
                self._stream.height, self._stream.width = height + height % 2, width + width % 2
                self._stream.pix_fmt = "yuv420p"
                self._stream.codec_context.time_base = time_base
                self._stream.time_base = time_base
                if self._high_definition:
                    self._stream.codec_context.colorspace = self._av.video.reformatter.Colorspace.ITU709
                self._audio = None if audio_of is None else Audio(audio_of, self._container)
        except BaseException:
            self.discard()
            raise

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def write(self, image_rgb: npt.NDArray[np.uint8], *, pts: int) -> None:
        """Adds a frame (height, width, 3) that is shown from ``pts`` on, which rises from frame to frame.

        Raises :class:`VideoError` when the file cannot be written to, or for a frame of another size.
        """
        if image_rgb.shape != (*self._size, 3):
            raise VideoError(
                f"all frames of a video have one size, {(*self._size, 3)} here; got {image_rgb.shape}"
            )
        height, width = self._size
        even = np.pad(image_rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        with saying(self._what):
            frame = self._av.VideoFrame.from_ndarray(even, format="rgb24")
            colors = self._av.video.reformatter.Colorspace
            frame = frame.reformat(
                format="yuv420p", dst_colorspace=colors.ITU709 if self._high_definition else colors.ITU601
            )
            frame.pts, frame.time_base = pts, self._time_base
            self._container.mux(self._stream.encode(frame))
            self._last_pts = pts
            if self._audio is not None:
                self._audio.copy_until(float(pts * self._time_base))

    def finish(self, *, complete: bool = True) -> None:
        """Puts the video in its place. ``complete`` copies the rest of the audio, False cuts it off here.

        Raises :class:`VideoError` when that cannot be done, or when no frame was written.
        """
        if self._last_pts is None:
            raise VideoError(f"{self._what}: there are no frames to write")
        with saying(self._what):
            self._container.mux(self._stream.encode(None))
            if self._audio is not None:
                end = float(self._last_pts * self._time_base + 1 / self._rate)
                self._audio.copy_until(float("inf") if complete else end)
                self._audio.finish()
            self._container.close()
            self._part.finish()

    def discard(self) -> None:
        """Removes what was written, unless the video is finished."""
        try:
            self._container.close()
        except (self._av.error.FFmpegError, OSError, ValueError):
            pass  # It is thrown away: what keeps it from being completed does not matter.
        finally:
            if self._audio_is_open():
                self._audio.close()  # type: ignore[union-attr]
            self._part.discard()

    def _audio_is_open(self) -> bool:
        return getattr(self, "_audio", None) is not None
