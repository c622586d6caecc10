"""Text files with one point a line, with errors that name the file and the line."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, stripped, without empty ones at its end. Raises DataError, which names it."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"expected a text file of landmarks in {path}, got {error}; get it again") from error
    while lines and not lines[-1]:
        lines.pop()
    return lines


def parse_coordinates(
    path: Path, lines: Sequence[str], *, count: int, separator: str | None = None, first_line: int = 1
) -> npt.NDArray[np.float64]:
    """``count`` finite numbers from each line: (len(lines), count).

    They are separated by ``separator``, or by any white space where that is None. ``first_line`` is the
    number that the first of ``lines`` has in the file at ``path``. Raises DataError: file, line, what is
    wrong.
    """
    form = (separator or " ").join(("x", "y", "z")[:count])
    points = np.empty((len(lines), count))
    for row, line in enumerate(lines):
        try:
            numbers = [float(field) for field in line.split(separator)]
        except ValueError:
            numbers = []
        if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
            raise DataError(
                f"expected {count} finite numbers '{form}' in {path}, line {first_line + row}; got "
                f"{line[:100]!r}: repair the line, or remove the file and its photo"
            )
        points[row] = numbers
    return points
