"""Labels that cannot be right, found where they are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError

#: So many points on exactly one spot are no face; tools write those that they cannot see to one place.
_COINCIDENT: Final = 3
#: Coordinates that tools write for even a single one: -1, -1, counted from 0 or from 1. No hand clicks
#: exactly there.
_HIDDEN: Final = (-1.0, -2.0)
#: Width of points across the line that fits them best, over their length along it.
_LEAST_WIDTH: Final = 0.02
#: Pixels; a smaller face has no landmarks.
_SMALLEST: Final = 2.0
#: The center of a face may lie outside the photo by half its side; its side may be so many times the photo's.
_LARGEST: Final = 4.0
#: z spreads at most over so many times the longer side; of a face by the model, 1.2 times at most.
_DEEPEST: Final = 3.0


def implausible(
    points: npt.NDArray[np.floating], size: tuple[int, int] | None = None
) -> tuple[str, npt.NDArray[np.intp]] | None:
    """The reason why points cannot be a face's, with the indices of the points concerned; None if they can.

    Points are (P, 2 or more), in pixels of a photo of ``size`` (height, width). Without ``size`` they are
    only compared with one another.
    """
    places = np.asarray(points, dtype=np.float64)[:, :2]
    everything = np.arange(len(places))
    if not np.isfinite(places).all():
        return "are not finite", np.flatnonzero(~np.isfinite(places).all(axis=1))
    low, high = places.min(axis=0), places.max(axis=0)
    side = float((high - low).max())
    spots, which, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    most = int(counts.argmax())
    if counts[most] >= _COINCIDENT:
        x, y = spots[most]
        reason = (
            f"lie on one spot, x {x:g}, y {y:g} counted from 0, as some tools write points that are hidden"
        )
        return reason, np.flatnonzero(which.reshape(-1) == most)
    hidden = np.flatnonzero((places[:, 0] == places[:, 1]) & np.isin(places[:, 0], _HIDDEN))
    if len(hidden):
        x, y = places[hidden[0]]
        return f"are x {x:g}, y {y:g} counted from 0, as some tools write points that are hidden", hidden
    along, across = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)[:2]
    if (deep := _too_deep(points, side)) is not None:
        return deep
    problem: str | None = None
    if side < _SMALLEST:
        problem = f"spread over {side:.2g} pixels"
    elif across < _LEAST_WIDTH * along:
        problem = "lie on a line"
    elif size is not None:
        problem = _beside_photo(low, high, size)
    return None if problem is None else (problem, everything)


def _too_deep(points: npt.NDArray[np.floating], side: float) -> tuple[str, npt.NDArray[np.intp]] | None:
    """:func:`implausible` for z, where there is one, such as that of a file in other units."""
    z = np.asarray(points, dtype=np.float64)[:, 2:3].reshape(-1)
    if not np.isfinite(z).all():
        return "are not finite", np.flatnonzero(~np.isfinite(z))
    if not len(z) or np.ptp(z) <= _DEEPEST * side:
        return None
    off = np.abs(z - np.median(z))
    reason = f"have z over {np.ptp(z):.3g} pixels, in a face of {side:.0f}"
    return reason, np.flatnonzero(off > _DEEPEST * side / 2)


def _beside_photo(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], size: tuple[int, int]
) -> str | None:
    """The fault of the place of a face, from ``low`` to ``high``, in its photo; None without one."""
    side = float((high - low).max())
    height, width = size
    if side > _LARGEST * max(height, width):
        return f"spread over {side:.0f} pixels, in a photo of {width} x {height}"
    center = (low + high) / 2
    beyond = np.maximum(-center, center - (width - 1, height - 1)).max()
    if beyond > side / 2:
        x, y = center
        return f"lie around x {x:.0f}, y {y:.0f}, outside the photo of {width} x {height}"
    return None


def require_plausible(
    points: npt.NDArray[np.floating],
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    first_line: int | None = None,
) -> None:
    """Raises :class:`DataError` where :func:`implausible` finds something; it names the file at ``path``.

    ``first_line`` is the line of the first point, in a file with one point a line.
    """
    found = implausible(points, size)
    if found is None:
        return
    reason, indices = found
    where = f"{path}" if first_line is None else f"{path}, {_lines(indices + first_line)}"
    raise DataError(
        f"expected the landmarks of a face in {where}; got {len(indices)} points that {reason}: repair the "
        "file, or remove it and its photo"
    )


def _lines(numbers: Sequence[int] | npt.NDArray[np.intp]) -> str:
    shown = ", ".join(str(number) for number in numbers[:3])
    if len(numbers) > 3:
        shown += f", ... {numbers[-1]}"
    return f"line{'s' if len(numbers) > 1 else ''} {shown}"
