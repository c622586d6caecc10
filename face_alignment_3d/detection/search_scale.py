"""The scale at which a photo is searched."""

from collections.abc import Sequence
from typing import Final

#: A photo is searched as if its longer side were at most this many times the shorter one: faces in a strip
#: are as large as the strip allows, not the smaller the longer it is.
_LONGEST: Final = 2.0


def search_scale(shape: Sequence[int], max_side: int | None) -> float:
    """The factor by which a photo of that ``shape`` (height, width, ...) is shrunk for a search; 1 at most.

    After it the longer side, or twice the shorter one, has at most ``max_side`` pixels; None leaves all.
    """
    if max_side is None:
        return 1.0
    height, width = shape[:2]
    return float(min(1.0, max_side / min(max(height, width), _LONGEST * min(height, width))))
