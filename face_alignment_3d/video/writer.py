"""Writing a video with the time stamps and the audio of another."""

from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import PartFile
from face_alignment_3d.errors import VideoError
from face_alignment_3d.video.audio import Audio
from face_alignment_3d.video.containers import as_video_error, import_av, limit_threads, open_output

#: Ending -> what FFmpeg calls the container.
CONTAINERS: Final = MappingProxyType({".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"})

#: Those in which a late start is a picture that stands still until then, and an early one is not shown.
_BEGIN_AT_ZERO: Final = frozenset({"mp4", "mov"})

#: Good enough that landmarks can be judged by the picture, and quick.
_ENCODER: Final = MappingProxyType({"crf": "18", "preset": "veryfast"})
#: From this height on videos are taken to have the colors of ITU-R BT.709, below it those of BT.601.
_HIGH_DEFINITION: Final = 720


class VideoWriter:
    """An H.264 video that appears at ``path`` when it is finished: whole, or not at all; a context manager.

    Leaving the context without :meth:`finish` removes what was written. ``height`` and ``width`` are those
    of the upright frames; odd ones are enlarged by a pixel, as the format has it. ``time_base`` is the unit
    of the time stamps, in seconds, and ``rate`` the usual number of frames a second. ``start`` is the time,
    in seconds, at which the source begins: .mp4 and .mov begin at 0, so it is subtracted there.
    ``audio_of``: the video whose audio is to be copied.

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
        start: float = 0.0,
        audio_of: Path | None = None,
    ) -> None:
        self._av = import_av()
        if path.suffix.lower() not in CONTAINERS:
            raise VideoError(f"videos are written as {', '.join(CONTAINERS)}; got {path}")
        self._part = PartFile(path)
        self._failure = f"{path} cannot be written"
        self._size = (height, width)
        self._high_definition = height >= _HIGH_DEFINITION
        self._time_base, self._rate = time_base, rate
        container_format = CONTAINERS[path.suffix.lower()]
        start = start if container_format in _BEGIN_AT_ZERO else 0.0
        self._first_pts = round(start / time_base)
        self._audio: Audio | None = None
        self._last_pts: int | None = None
        with as_video_error(self._failure):
            self._part.path.touch()  # FFmpeg would say only at the first frame that it cannot.
            self._container = open_output(self._part.path, container_format=container_format)
        try:
            with as_video_error(self._failure):
                self._stream = self._container.add_stream("libx264", rate=rate, options=dict(_ENCODER))
                limit_threads(self._stream)
                self._stream.height, self._stream.width = height + height % 2, width + width % 2
                self._stream.pix_fmt = "yuv420p"
                self._stream.codec_context.time_base = time_base
                self._stream.time_base = time_base
                if self._high_definition:
                    self._stream.codec_context.colorspace = self._av.video.reformatter.Colorspace.ITU709
                if audio_of is not None:
                    self._audio = Audio(
                        audio_of, self._container, container_format=container_format, start=start
                    )
                # Now, on its own: PyAV goes on after a header that could not be written, and crashes.
                self._container.start_encoding()
        except BaseException:
            self.discard()
            raise

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    @property
    def warnings(self) -> list[str]:
        """Sentences on audio that was repaired or left out; complete after :meth:`finish`."""
        return [] if self._audio is None else self._audio.warnings

    @property
    def is_audio_incomplete(self) -> bool:
        """True when audio was left out."""
        return self._audio is not None and self._audio.is_incomplete

    def write(self, image_rgb: npt.NDArray[np.uint8], *, pts: int) -> None:
        """Adds a frame (H, W, 3) that is shown from ``pts`` on, which rises from frame to frame.

        A frame of another size than the video's is scaled to fit into it, with black borders. Raises
        :class:`VideoError` when the file cannot be written to, or for an array of another kind.
        """
        if (
            image_rgb.dtype != np.uint8
            or image_rgb.ndim != 3
            or image_rgb.shape[2] != 3
            or not image_rgb.size
        ):
            raise VideoError(
                f"frames must be of shape (H, W, 3) and uint8; got {image_rgb.shape}, {image_rgb.dtype}"
            )
        height, width = self._size
        fitted = image_rgb if image_rgb.shape[:2] == self._size else _fitted(image_rgb, self._size)
        even = np.pad(fitted, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        with as_video_error(self._failure):
            frame = self._av.VideoFrame.from_ndarray(even, format="rgb24")
            colors = self._av.video.reformatter.Colorspace
            frame = frame.reformat(
                format="yuv420p", dst_colorspace=colors.ITU709 if self._high_definition else colors.ITU601
            )
            frame.pts, frame.time_base = pts - self._first_pts, self._time_base
            self._container.mux(self._stream.encode(frame))
            self._last_pts = pts
            if self._audio is not None:
                self._audio.copy_until(float(pts * self._time_base))

    def finish(self, *, complete: bool = True) -> None:
        """Puts the video in its place. ``complete`` copies the rest of the audio, False cuts it off here.

        Raises :class:`VideoError` when that cannot be done, or when no frame was written.
        """
        if self._last_pts is None:
            raise VideoError(f"{self._failure}: there are no frames to write")
        with as_video_error(self._failure):
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
            if self._audio is not None:
                self._audio.close()
            self._part.discard()


def _fitted(image_rgb: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The picture (H, W, 3) as large as it fits into ``size`` (height, width), in its middle, on black."""
    scale = min(size[0] / image_rgb.shape[0], size[1] / image_rgb.shape[1])
    height, width = (max(1, round(side * scale)) for side in image_rgb.shape[:2])
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    fitted = np.zeros((*size, 3), np.uint8)
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted[top : top + height, left : left + width] = cv2.resize(
        image_rgb, (width, height), interpolation=kind
    )
    return fitted
