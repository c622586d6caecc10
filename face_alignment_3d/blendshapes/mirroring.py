"""The exchange of left and right blendshapes on a mirrored face."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_SIDES: Final = (("Left", "Right"), ("Right", "Left"))


def mirrored_name(name: str) -> str:
    """The name of the same blendshape on the other side of the face: ``eyeBlinkLeft`` -> ``eyeBlinkRight``.

    Blendshapes without sides keep their name.
    """
    for side, other in _SIDES:
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def mirror_permutation(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """(N,) such that ``values[..., permutation]`` are those of the mirrored face; its own inverse.

    Raises ValueError where a name lacks its counterpart.
    """
    position = {name: index for index, name in enumerate(names)}
    if alone := [name for name in names if mirrored_name(name) not in position]:
        raise ValueError(f"blendshapes must come with those of the other side; alone are {', '.join(alone)}")
    return np.array([position[mirrored_name(name)] for name in names])
