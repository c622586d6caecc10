"""What a file with the faces of a video does, and what it is told about the video."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from face_alignment_3d.markup68 import Markup
from face_alignment_3d.video.tracked_face import TrackedFace3D


@dataclass(frozen=True)
class RecordedVideo:
    """What the files say about the video, and what is to be in them."""

    video: str
    """The video's path, or whatever else names it."""
    height: int
    """Of the upright frames, in pixels."""
    width: int
    """Of the upright frames, in pixels."""
    rate: float = 30.0
    """Frames a second, on average."""
    markup: Markup = "66"
    """For files whose points may be 66 or 68."""
    blendshapes: bool = False
    """Whether tables have columns for blendshapes."""


class VideoRecord(Protocol):
    """One file with the faces of each frame, or one for each face that was followed.

    Files appear when they are finished, each of them complete.
    """

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """The faces of the next frame; ``time`` in seconds, rising. Raises OSError, as on a full disk."""
        ...

    def finish(self, *, complete: bool) -> list[Path]:
        """Puts the files in their places, and returns these.

        ``complete``: these are all frames of the video. Raises OSError when that cannot be done.
        """
        ...

    def discard(self) -> None:
        """Removes what was written, unless it is finished."""
        ...
