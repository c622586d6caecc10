"""Events of a batch that is at work."""

from dataclasses import dataclass
from typing import TypeAlias

from face_alignment_3d.batch.state import TaskCounts


@dataclass(frozen=True)
class Planned:
    """The plan is there, and the size of what is left."""

    items: int
    """Pictures and videos of the plan."""
    done: int
    """Pictures, frames and failures that earlier runs have done."""
    left: int
    """Items of the tasks that are left."""
    videos_left_out: int
    """Videos that were found and not taken; 0 where an earlier run made the plan."""


@dataclass(frozen=True)
class Advanced:
    """So many images more are done; fewer than 0 where a process died and they are done again."""

    images: int


@dataclass(frozen=True)
class TaskDone:
    """A task's shards are there."""

    task: int
    counts: TaskCounts
    items: int = 0
    """Pictures and videos of the task; a video is one of these, and as many images as frames."""


Event: TypeAlias = Planned | Advanced | TaskDone
