"""From the 66-point markup to the 68-point one of iBUG and Multi-PIE."""

from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.markup import CLOSED_GROUPS, FROM_68, GROUPS, NAMES, NUM_LANDMARKS, OMITTED_FROM_68

#: "66" as the aligner gives them, or "68" with the inner mouth corners filled in.
Markup: TypeAlias = Literal["66", "68"]

MARKUPS: Final[tuple[Markup, ...]] = ("66", "68")

#: Distance of the inner mouth corner from the outer one, as a share of the way to the middle of its two
#: neighbors on the inner lips: the least-squares fit to both corners of the 1,675 hand-labelled faces of
#: HELEN train and LFPW train. Points derived so are 1.8 % of the outer-eye distance from the hand-made ones
#: on average.
_INWARDS: Final = 0.194

# For each derived point, in 66-point indices: the outer corner, and its neighbors on the inner lips.
_SOURCES: Final = ((48, 60, 65), (54, 62, 63))


def to_68(points: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """(..., 66, D) points -> (..., 68, D) in the same frame and of the same floating type.

    Points 60 and 64, the inner mouth corners, are not found but derived: each lies 19.4 % of the way from the
    outer mouth corner to the middle of its two neighbors on the inner lips. The others are what they were.
    Raises :class:`LandmarksError` for another number of points.
    """
    given = _checked(points)
    full = np.empty((*given.shape[:-2], 68, given.shape[-1]), given.dtype)
    full[..., FROM_68, :] = given
    for index, (corner, above, below) in zip(OMITTED_FROM_68, _SOURCES, strict=True):
        middle = (given[..., above, :] + given[..., below, :]) / 2
        full[..., index, :] = given[..., corner, :] + _INWARDS * (middle - given[..., corner, :])
    return full


def _checked(points: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    given = np.asarray(points)
    if given.ndim < 2 or given.shape[-2] != NUM_LANDMARKS:
        raise LandmarksError(f"points must have shape (..., {NUM_LANDMARKS}, D); got {given.shape}")
    return given


def in_markup(points: npt.NDArray[np.floating], markup: Markup) -> npt.NDArray[np.floating]:
    """(..., 66, D) points in the markup asked for: (..., 66, D) or (..., 68, D).

    Raises :class:`LandmarksError` for another markup or number of points.
    """
    require_markup(markup)
    return to_68(points) if markup == "68" else _checked(points)


def values_in_markup(values: npt.NDArray[np.floating], markup: Markup) -> npt.NDArray[np.floating]:
    """(..., 66) numbers, one for each point, such as confidence or visibility: (..., 66) or (..., 68).

    An inner mouth corner has the mean of the points that it is derived from, weighted as these are.
    """
    return in_markup(np.asarray(values)[..., None], markup)[..., 0]


def require_markup(markup: str) -> None:
    """Raises :class:`LandmarksError` unless ``markup`` is one of :data:`MARKUPS`."""
    if markup not in MARKUPS:
        hint = f": write {str(markup)!r}" if str(markup) in MARKUPS else ""
        raise LandmarksError(f"markup must be one of the strings '66' and '68'; got {markup!r}{hint}")


def names_in(markup: Markup) -> tuple[str, ...]:
    """The points' names in the order of ``markup``; the derived ones are the inner mouth corners."""
    if markup == "66":
        return NAMES
    names = dict(zip(FROM_68.tolist(), NAMES, strict=True))
    corners = dict(zip(OMITTED_FROM_68, ("inner_mouth_corner_right", "inner_mouth_corner_left"), strict=True))
    return tuple((names | corners)[index] for index in range(68))


def lines_in(markup: Markup) -> tuple[tuple[int, ...], ...]:
    """Each face part as a polyline of point indices in ``markup``; closed ones end where they began."""
    lines = []
    for name, group in GROUPS.items():
        indices = list(group) if markup == "66" else FROM_68[list(group)].tolist()
        if markup == "68" and name == "inner_lips":
            indices = list(range(60, 68))
        lines.append((*indices, *(indices[:1] if name in CLOSED_GROUPS else ())))
    return tuple(lines)
