"""The poses that novel views are rendered in, and drawing at random from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: From this yaw on, degrees, one side of the face is hidden: the head is turned further that way, never back.
_ONE_SIDED = 10.0


@dataclass(frozen=True)
class PoseRange:
    """The poses that a view is drawn from. Degrees."""

    yaw: tuple[float, float]
    """|yaw|, uniformly distributed."""
    pitch: float
    """Standard deviation of the change in pitch."""
    max_pitch: float = 35.0


#: Mostly poses that are rare in photos: from a quarter turn to the full profile, and pitch.
TRAINING: Sequence[PoseRange] = (
    PoseRange((20.0, 60.0), 12.0),
    PoseRange((40.0, 80.0), 10.0),
    PoseRange((60.0, 92.0), 8.0),
    PoseRange((0.0, 45.0), 20.0),
)
#: One view, where a set has many faces.
TRAINING_SINGLE: Sequence[PoseRange] = (PoseRange((15.0, 92.0), 12.0),)
#: The bins that turned faces are evaluated in.
EVALUATION: Sequence[PoseRange] = (
    PoseRange((0.0, 30.0), 10.0),
    PoseRange((30.0, 60.0), 8.0),
    PoseRange((60.0, 85.0), 6.0),
)


def sample_pose(
    angles: Sequence[float], wanted: PoseRange, generator: np.random.Generator
) -> tuple[float, float, float] | None:
    """Pitch, yaw and roll of a view in the range ``wanted`` of a face that has ``angles``; all in degrees.

    The roll stays. None where the face is turned further than the range: turning it back would show parts
    that the photo does not have.
    """
    pitch, yaw, roll = angles
    low, high = wanted.yaw
    sign = np.sign(yaw) if abs(yaw) > _ONE_SIDED else generator.choice([-1.0, 1.0])
    least = max(low, abs(yaw) - _ONE_SIDED if sign == np.sign(yaw) else low)
    new_yaw = generator.uniform(low, high)
    new_pitch = pitch + generator.normal(0.0, wanted.pitch)
    if least > high:
        return None
    if new_yaw < least:
        new_yaw = least + (new_yaw - low) / (high - low) * (high - least)
    bounded = float(np.clip(new_pitch, min(pitch, -wanted.max_pitch), max(pitch, wanted.max_pitch)))
    return bounded, float(sign * new_yaw), float(roll)
