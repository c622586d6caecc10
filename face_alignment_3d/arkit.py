"""ARKit's 52 blendshapes: their names, those that 66 points show, and the values of one face."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt


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

#: Those that are NaN, because the 66 points do not tell them: see docs/blendshapes.md for each.
NOT_VISIBLE: Final = frozenset(
    {
        *(f"eyeLook{way}{side}" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right")),
        *("eyeSquintLeft", "eyeSquintRight"),
        *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "tongueOut"),
    }
)

#: Those that are estimated, in ARKit's order.
VISIBLE: Final = tuple(name for name in BLENDSHAPES if name not in NOT_VISIBLE)

_POSITION: Final = {name: index for index, name in enumerate(BLENDSHAPES)}


class Blendshapes(Mapping[str, float]):
    """ARKit's name -> value in [0, 1], or NaN for what 66 points do not show; in the order of ARKit's names.

    "Left" and "Right" are the subject's own. It goes as it is to
    :class:`~face_alignment_3d.export.LiveLinkFrame` and :class:`~face_alignment_3d.export.VMCSender`.
    """

    def __init__(self, values: npt.NDArray[np.floating]) -> None:
        """``values`` (52,) in the order of :data:`BLENDSHAPES`; ValueError for another shape or type."""
        try:
            given = np.asarray(values)
            array = np.array(given if given.dtype.kind in "iuf" else None, np.float64)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise ValueError(f"values must be {len(BLENDSHAPES)} numbers; got {error}") from error
        if array.shape != (len(BLENDSHAPES),):
            raise ValueError(f"values must have shape ({len(BLENDSHAPES)},); got {array.shape}")
        array.flags.writeable = False
        self._array = array

    @property
    def array(self) -> npt.NDArray[np.float64]:
        """(52,), read-only: the values in the order of :data:`BLENDSHAPES`."""
        return self._array

    @property
    def visible(self) -> tuple[str, ...]:
        """The names of those that are not NaN by definition."""
        return VISIBLE

    def __getitem__(self, name: str) -> float:
        return float(self._array[_POSITION[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(BLENDSHAPES)

    def __len__(self) -> int:
        return len(BLENDSHAPES)

    def __repr__(self) -> str:
        largest = sorted(VISIBLE, key=lambda name: -self[name])[:5]
        return f"Blendshapes({', '.join(f'{name}={self[name]:.2f}' for name in largest)}, ...)"


def require_blendshapes(blendshapes: Mapping[str, float]) -> None:
    """Raises ValueError unless all names are ARKit's and all values are in [0, 1] or NaN (unknown)."""
    unknown = sorted(set(blendshapes) - set(BLENDSHAPES))
    if unknown:
        raise ValueError(f"blendshapes must have ARKit's names, such as jawOpen; got {', '.join(unknown)}")
    for name, value in blendshapes.items():
        if not (math.isnan(value) or 0 <= value <= 1):
            raise ValueError(f"blendshapes must be in [0, 1], or NaN where not known; got {name} = {value}")


def in_order(blendshapes: Mapping[str, float] | None) -> list[float]:
    """The 52 values in the order of :data:`BLENDSHAPES`; NaN for those that ``values`` lacks."""
    known = blendshapes or {}
    return [known.get(name, math.nan) for name in BLENDSHAPES]
