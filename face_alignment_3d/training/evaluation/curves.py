"""Cumulative error curves as a picture."""

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.evaluation import metrics

_HEIGHT: Final = 560
_WIDTH: Final = 860
#: x0, y0, x1, y1 of the plot itself in the picture.
_FRAME: Final = (80, 30, 830, 490)
#: The plot is drawn this much larger and averaged down, for smooth lines.
_ZOOM: Final = 2
_INK: Final = (50, 50, 55)
_GRID: Final = (222, 222, 226)
_THRESHOLD: Final = (150, 150, 158)
#: RGB, told apart by people who cannot tell red from green too.
_COLORS: Final = ((0, 90, 180), (220, 110, 0), (0, 140, 110), (170, 60, 140), (90, 180, 230))
#: The default label of the axis.
INNER_ERROR: Final = "mean error of the 49 inner points, % of the outer-eye distance"


def draw_error_curves(
    curves: Mapping[str, npt.NDArray[np.float64]],
    *,
    limit: float = 10.0,
    threshold: float | None = 8.0,
    what: str = INNER_ERROR,
) -> npt.NDArray[np.uint8]:
    """An RGB picture (560, 860, 3) uint8 of the share of faces below each error, from 0 to ``limit`` percent.

    ``curves`` maps a label (ASCII) to the (F,) errors of its faces in percent, infinite for a face that was
    missed; up to five. ``what`` is the axis's label. A line marks ``threshold``, and each label says the
    share of faces up to there; without one it says the mean error. This is how the challenge and Fig. 3 of
    its winners' paper show errors.
    """
    if not 1 <= len(curves) <= len(_COLORS):
        raise ValueError(f"expected 1 to {len(_COLORS)} curves; got {len(curves)}")
    picture = np.full((_HEIGHT * _ZOOM, _WIDTH * _ZOOM, 3), 255, np.uint8)
    for share in range(0, 101, 20):
        _line(picture, [(0, share), (limit, share)], _GRID, 1, limit)
        _text(picture, f"{share} %", _at(0, share, limit), _INK, align=1.0, shift=(-10, 5))
    for error in range(0, int(limit) + 1, 2):
        _line(picture, [(error, 0), (error, 100)], _GRID, 1, limit)
        _text(picture, str(error), _at(error, 0, limit), _INK, align=0.5, shift=(0, 22))
    if threshold is not None:
        _line(picture, [(threshold, 0), (threshold, 100)], _THRESHOLD, 1.5, limit)
    middle = ((_FRAME[0] + _FRAME[2]) / 2, _FRAME[3] + 48.0)
    _text(picture, what, middle, _INK, align=0.5)
    errors = np.linspace(0, limit, 500)
    for index, (label, values) in enumerate(curves.items()):
        color = _COLORS[index]
        shares = metrics.cumulative_share(values, errors)
        _line(picture, list(zip(errors, shares, strict=True)), color, 2.5, limit)
        row = (_FRAME[2] - 12.0, _FRAME[3] - 18.0 - 24 * (len(curves) - 1 - index))
        legend = f"{label}: {_in_words(values, threshold)}"
        _text(picture, legend, row, color, align=1.0, clear=True)
    return np.asarray(cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _in_words(errors: npt.NDArray[np.float64], threshold: float | None) -> str:
    if threshold is None:
        return f"mean {errors.mean():.2f} %, {len(errors)} faces"
    below = 100 - metrics.failure_rate(errors, threshold=threshold)
    return f"{below:.1f} % of {len(errors)} faces up to {threshold:g} %"


def _at(error: float, share: float, limit: float) -> tuple[float, float]:
    x0, y0, x1, y1 = _FRAME
    return x0 + (x1 - x0) * error / limit, y1 - (y1 - y0) * share / 100


def _line(
    picture: npt.NDArray[np.uint8],
    points: list[tuple[float, float]],
    color: tuple[int, int, int],
    width: float,
    limit: float,
) -> None:
    corners = np.rint(np.array([_at(error, share, limit) for error, share in points]) * _ZOOM).astype(
        np.int32
    )
    cv2.polylines(picture, [corners], False, color, round(width * _ZOOM), cv2.LINE_AA)


def _text(
    picture: npt.NDArray[np.uint8],
    text: str,
    at: tuple[float, float],
    color: tuple[int, int, int],
    *,
    align: float,
    shift: tuple[float, float] = (0, 0),
    clear: bool = False,
) -> None:
    """``align`` is the part of the text's width that lies left of ``at``, which is on its base line.

    ``clear`` whitens what is behind the text.
    """
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.48 * _ZOOM
    (width, height), below = cv2.getTextSize(text, font, size, _ZOOM)
    x, y = round((at[0] + shift[0]) * _ZOOM - align * width), round((at[1] + shift[1]) * _ZOOM)
    if clear:
        margin = 6 * _ZOOM
        low, high = (x - margin, y - height - margin), (x + width + margin, y + below)
        cv2.rectangle(picture, low, high, (255, 255, 255), cv2.FILLED)
    cv2.putText(picture, text, (x, y), font, size, color, _ZOOM, cv2.LINE_AA)
