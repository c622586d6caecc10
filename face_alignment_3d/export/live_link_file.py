"""Blendshapes and head rotation over time as the CSV of Unreal's Live Link Face app."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from face_alignment_3d.arkit import BLENDSHAPES, in_order, require_blendshapes
from face_alignment_3d.export.frame_writer import FrameFaces, VideoInfo
from face_alignment_3d.export.record import pose_of
from face_alignment_3d.export.table_file import TableFile
from face_alignment_3d.export.track_files import TrackFiles
from face_alignment_3d.pose.head_pose import HeadPose

_ROTATIONS: Final = tuple(
    f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")
)

#: The 52 blendshapes as ARKit names them, with a capital; then the rotations of head and eyes.
_COLUMNS: Final = (
    "Timecode",
    "BlendShapeCount",
    *(name[0].upper() + name[1:] for name in BLENDSHAPES),
    *_ROTATIONS,
)


#: Frame rates in use; the average rate of a video is near one of them, but seldom equal to it.
_NOMINAL_RATES: Final = (
    *(24 / 1.001, 24.0, 25.0, 30 / 1.001, 30.0, 48 / 1.001, 48.0, 50.0),
    *(60 / 1.001, 60.0, 90.0, 100.0, 120 / 1.001, 120.0, 240 / 1.001, 240.0),
)
#: The largest relative difference of an average rate from its nominal one.
_RATE_TOLERANCE: Final = 0.005
#: Seconds by which rounding to milliseconds moves the difference of two time stamps, and share of a frame
#: that is rounding in any case.
_STAMP_ROUNDING: Final = 0.001
_FRAME_ROUNDING: Final = 0.02


@dataclass(frozen=True, eq=False)
class LiveLinkFrame:
    """One row of the file.

    Raises ValueError for blendshapes that ARKit does not have or outside [0, 1], and for a time below 0.
    """

    blendshapes: Mapping[str, float] | None = None
    """ARKit's name -> value in [0, 1]. Missing and NaN values are written as 0, and so is all of None."""
    pose: HeadPose | None = None
    """The head's pose; None writes 0."""
    time: float | None = None
    """Seconds from the start, for ``Timecode``; None counts rows."""

    def __post_init__(self) -> None:
        require_blendshapes(self.blendshapes or {})
        if self.time is not None and not 0 <= self.time < math.inf:
            raise ValueError(f"time must be in seconds from 0 on; got {self.time}")


def write_live_link_csv(
    path: str | os.PathLike[str], frames: Iterable[LiveLinkFrame], *, frames_per_second: float = 60.0
) -> None:
    """Writes one row a frame to ``path``, whole or not at all.

    ``Timecode`` is hours:minutes:seconds:frame and thousandths of a frame, from zero. It counts frames at the
    nominal rate that is near ``frames_per_second``, without drop frames: a frame's number is its ``time``
    times the rate, or its place in ``frames``. Times that are rounded to milliseconds, as Matroska has them,
    still give whole numbers. ``HeadYaw``, ``HeadPitch`` and ``HeadRoll`` are the angles of
    :class:`~face_alignment_3d.pose.HeadPose` over 180 degrees, with its signs; those of the eyes are 0, for
    landmarks do not show where eyes look.

    Raises ValueError for a frame rate that is not above 0, OSError when the folder is missing or cannot be
    written to.
    """
    rate = nominal_rate(frames_per_second)
    with TableFile(path, _COLUMNS) as table:
        for index, frame in enumerate(frames):
            table.add(_row(frame, index=index, rate=rate))
        table.finish()


class LiveLinkFrameWriter:
    """A table for each track, as of :func:`write_live_link_csv`.

    It has a row for each frame in which the face is seen and has a pose. ``Timecode`` counts from the first
    frame of the video.
    """

    ENDING: Final = ".livelink.csv"

    def __init__(self, path: Path, video: VideoInfo) -> None:
        self._rate = nominal_rate(video.rate)
        self._start = video.start
        self._files = TrackFiles(path, ending=self.ENDING)

    def add(self, frame: FrameFaces) -> None:
        """See :class:`FrameWriter`."""
        for face in frame.faces:
            pose = pose_of(face)
            if pose is None:
                continue
            row = _row(
                LiveLinkFrame(face.blendshapes, pose, frame.time - self._start),
                index=frame.index,
                rate=self._rate,
            )
            self._files.append(face, _line(row), header=_line(_COLUMNS))

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`FrameWriter`; a table does not say whether it is complete."""
        return [part.finish(name) for part, name in self._files.targets()]

    def discard(self) -> None:
        """See :class:`FrameWriter`."""
        self._files.discard()


def nominal_rate(frames_per_second: float) -> float:
    """The rate in use that is nearest to ``frames_per_second``; itself where none is within half a per cent.

    Raises ValueError unless it is above 0 and finite.
    """
    if not 0 < frames_per_second < math.inf:
        raise ValueError(f"frames_per_second must be a positive number; got {frames_per_second}")
    nearest = min(_NOMINAL_RATES, key=lambda rate: abs(rate - frames_per_second))
    return nearest if abs(nearest / frames_per_second - 1) < _RATE_TOLERANCE else frames_per_second


def _row(frame: LiveLinkFrame, *, index: int, rate: float) -> list[str]:
    """The row under :data:`_COLUMNS` of the frame ``index``, counted from 0."""
    known = in_order(frame.blendshapes)
    head = (0.0, 0.0, 0.0) if frame.pose is None else tuple(angle / 180 for angle in frame.pose.angles)
    values = [*(0.0 if math.isnan(value) else value for value in known), *head, *(0.0,) * 6]
    number = float(index) if frame.time is None else _frame_number(frame.time, rate)
    return [
        _timecode(round(1000 * number), round(rate) or 1),
        str(len(values)),
        *(f"{value + 0.0:.6f}" for value in values),
    ]


def _frame_number(seconds: float, rate: float) -> float:
    """The number of frames of ``rate`` before ``seconds``; rounded to a whole number where it is near one."""
    number = seconds * rate
    rounding = min(_STAMP_ROUNDING * rate + _FRAME_ROUNDING, 0.45)
    return float(round(number)) if abs(number - round(number)) <= rounding else number


def _line(row: Sequence[str]) -> bytes:
    return (",".join(row) + "\n").encode("ascii")


def _timecode(thousandths: int, in_second: int) -> str:
    """Of thousandths of a frame, with ``in_second`` frames a second."""
    frames, thousandth = divmod(thousandths, 1000)
    seconds, frame = divmod(frames, in_second)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}:{frame:02d}.{thousandth:03d}"
