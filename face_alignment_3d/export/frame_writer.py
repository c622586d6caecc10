"""The faces of a video, frame by frame, and the protocol of the classes that write them to files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from face_alignment_3d.markup68 import Markup

if TYPE_CHECKING:
    from face_alignment_3d.video.tracked_face import TrackedFace3D

#: Name and version of the layout of videos' JSON and NPZ files. The version changes when a reader would have
#: to, or when there is more to be read.
VIDEO_SCHEMA: Final = "face-alignment-3d-video/3"


#: Seconds; larger numbers are no time stamps.
_LATEST: Final = 1e12


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video that files repeat, and options for their content.

    Raises ValueError for a start that is no time stamp.
    """

    video: str
    """The video's path, or another name for it."""
    height: int
    """Of the first frame, upright, in pixels."""
    width: int
    """Of the first frame, upright, in pixels."""
    rate: float = 30.0
    """Frames a second: the nominal rate."""
    start: float = 0.0
    """The time stamp of the first frame, in seconds. Formats whose time begins at 0 subtract it."""
    markup: Markup = "66"
    """For files whose points may be 66 or 68."""
    blendshapes: bool = False
    """True if tables have columns for blendshapes."""

    def __post_init__(self) -> None:
        _require_stamp(start=self.start)


@dataclass(frozen=True, eq=False)
class FrameFaces:
    """The faces of one frame. Raises ValueError for a time that is no time stamp."""

    index: int
    """Counted from 0."""
    time: float
    """The frame's time stamp in seconds."""
    height: int
    """Of the upright frame, in pixels. A video may change its size midway."""
    width: int
    """Of the upright frame, in pixels."""
    faces: "Sequence[TrackedFace3D]"
    """Their coordinates are pixels of this frame."""

    def __post_init__(self) -> None:
        _require_stamp(time=self.time)


def _require_stamp(**times: float) -> None:
    for name, time in times.items():
        if not abs(time) < _LATEST:
            raise ValueError(f"{name} must be in seconds and finite; got {time}")


class FrameWriter(Protocol):
    """Writes the faces of a video to one file, or to one file for each track.

    Files appear under their names when they are finished, each of them complete.
    """

    def add(self, frame: FrameFaces) -> None:
        """Takes the next frame; times rise. Raises OSError, as on a full disk."""
        ...

    def finish(self, *, complete: bool) -> list[Path]:
        """Gives the files their names, and returns these.

        ``complete``: these are all frames of the video. Raises OSError when that cannot be done.
        """
        ...

    def discard(self) -> None:
        """Removes what was written, unless it is finished."""
        ...
