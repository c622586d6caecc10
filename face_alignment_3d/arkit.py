"""The names of ARKit's 52 blendshapes."""

import math
from collections.abc import Mapping
from typing import Final


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{side}" for name in names for side in ("Left", "Right"))


def _eye(side: str) -> tuple[str, ...]:
    return tuple(
        f"eye{motion}{side}"
        for motion in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
    )


#: In the order of the columns of Live Link Face. "Left" and "Right" are the subject's own.
BLENDSHAPES: Final = (
    *_eye("Left"),
    *_eye("Right"),
    *("jawForward", "jawRight", "jawLeft", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft"),
    *_sides("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *_sides("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    "browInnerUp",
    *_sides("browOuterUp"),
    "cheekPuff",
    *_sides("cheekSquint", "noseSneer"),
    "tongueOut",
)

_KNOWN: Final = frozenset(BLENDSHAPES)


def require_blendshapes(blendshapes: Mapping[str, float]) -> None:
    """Raises ValueError unless all names are ARKit's and all values are in [0, 1] or NaN, for not known."""
    unknown = sorted(set(blendshapes) - _KNOWN)
    if unknown:
        raise ValueError(f"blendshapes must have ARKit's names, such as jawOpen; got {', '.join(unknown)}")
    for name, value in blendshapes.items():
        if not (math.isnan(value) or 0 <= value <= 1):
            raise ValueError(f"blendshapes must be in [0, 1], or NaN where not known; got {name} = {value}")


def in_order(blendshapes: Mapping[str, float] | None) -> list[float]:
    """The 52 values in the order of :data:`BLENDSHAPES`; NaN for what is not there."""
    known = blendshapes or {}
    return [known.get(name, math.nan) for name in BLENDSHAPES]
