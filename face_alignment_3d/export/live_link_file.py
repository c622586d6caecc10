"""Blendshapes and head rotation over time as the CSV of Unreal's Live Link Face app."""

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from face_alignment_3d.arkit import BLENDSHAPES, in_order, require_blendshapes
from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.pose.head_pose import HeadPose

_ROTATIONS: Final = tuple(
    f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")
)

#: The 52 blendshapes as ARKit names them, with a capital; then the rotations of head and eyes.
LIVE_LINK_COLUMNS: Final = (
    "Timecode",
    "BlendShapeCount",
    *(name[0].upper() + name[1:] for name in BLENDSHAPES),
    *_ROTATIONS,
)


@dataclass(frozen=True, eq=False)
class LiveLinkFrame:
    """One row of the file. Raises ValueError for blendshapes that ARKit does not have or outside [0, 1], and
    for a time below 0."""

    blendshapes: Mapping[str, float] | None = None
    """ARKit's name -> value in [0, 1]. What is missing or NaN is not known, and written as 0; None: all."""
    pose: HeadPose | None = None
    """The head's; None writes 0."""
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

    ``Timecode`` is hours:minutes:seconds:frame and thousandths of a frame, from zero: a frame's ``time``, or
    its place in ``frames``, at ``frames_per_second``. ``HeadYaw``, ``HeadPitch`` and ``HeadRoll`` are the
    angles of :class:`~face_alignment_3d.pose.HeadPose` over 180 degrees, with its signs; those of the eyes
    are 0, for landmarks do not show where eyes look.

    Raises ValueError for a frame rate that is not above 0, OSError when the folder is missing or cannot be
    written to.
    """
    require_rate(frames_per_second)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(LIVE_LINK_COLUMNS)
    for index, frame in enumerate(frames):
        writer.writerow(live_link_row(frame, index=index, frames_per_second=frames_per_second))
    write_atomically(Path(path), table.getvalue().encode("ascii"))


def live_link_row(frame: LiveLinkFrame, *, index: int, frames_per_second: float) -> list[str]:
    """The row of ``frame``, which is number ``index`` from 0, under :data:`LIVE_LINK_COLUMNS`."""
    known = in_order(frame.blendshapes)
    head = (0.0, 0.0, 0.0) if frame.pose is None else tuple(angle / 180 for angle in frame.pose.angles)
    values = [*(0.0 if math.isnan(value) else value for value in known), *head, *(0.0,) * 6]
    # Rates such as 29.97 count whole frames within a second, as the app does.
    in_second = round(frames_per_second) or 1
    thousandths = 1000 * index if frame.time is None else round(1000 * in_second * frame.time)
    return [
        _timecode(thousandths, in_second),
        str(len(values)),
        *(f"{value + 0.0:.6f}" for value in values),
    ]


def require_rate(frames_per_second: float) -> None:
    """Raises ValueError unless ``frames_per_second`` is above 0 and finite."""
    if not 0 < frames_per_second < math.inf:
        raise ValueError(f"frames_per_second must be a positive number; got {frames_per_second}")


def _timecode(thousandths: int, in_second: int) -> str:
    """Of thousandths of a frame, with ``in_second`` frames a second."""
    frames, thousandth = divmod(thousandths, 1000)
    seconds, frame = divmod(frames, in_second)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}:{frame:02d}.{thousandth:03d}"
