"""The results as a picture."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from timing.contenders import TASKS
from timing.measuring import Measurement
from timing.table import told

_WIDTH = 1100
_LABELS = 330
_NUMBERS = 210
_ROW, _BAR, _GAP = 26, 16, 46
_INK, _FAINT, _GRID = (50, 50, 55), (120, 120, 128), (222, 222, 226)
_OURS, _OTHERS = (0, 90, 180), (165, 170, 180)
#: Drawn this much larger and averaged down, for smooth text.
_ZOOM = 2


def draw_chart(measurements: Sequence[Measurement], place: str) -> Image.Image:
    """Bars of the medians at ``place``, a panel a task, on one logarithmic axis of milliseconds; a thin line
    from the 5th to the 95th percentile. RGB. Raises ValueError where nothing was measured at ``place``."""
    panels = [
        (name, [m for m in measurements if m.place == place and m.task == task])
        for task, name in TASKS.items()
    ]
    panels = [(name, rows) for name, rows in panels if rows]
    if not panels:
        raise ValueError(f"nothing was measured with place {place!r}; there is no chart to draw")
    shown = [m.spread for _, rows in panels for m in rows]
    low = math.floor(math.log10(min(s.percentile_5 for s in shown)))
    high = math.ceil(math.log10(max(s.percentile_95 for s in shown)))
    high = max(high, low + 1)
    height = 60 + sum(_GAP + _ROW * len(rows) for _, rows in panels) + 20
    picture = Image.new("RGB", (_WIDTH * _ZOOM, height * _ZOOM), "white")
    pen = _Pen(picture, low, high)
    pen.text(20, 18, f"milliseconds, {place}, logarithmic: shorter is faster", size=17)
    for power in range(low, high + 1):
        x = pen.x(10.0**power)
        pen.line(x, 58, x, height - 12, _GRID)
        pen.text(x, 42, f"{10.0**power:g}", anchor="mm", color=_FAINT)
    y = 60
    for name, rows in panels:
        pen.text(20, y + 14, name, size=15)
        y += _GAP - 10
        for measurement in rows:
            pen.bar(y, measurement)
            y += _ROW
        y += 10
    return picture.resize((_WIDTH, height), Image.Resampling.LANCZOS)


class _Pen:
    """Draws in pixels of the finished picture."""

    def __init__(self, picture: Image.Image, low: int, high: int) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._low, self._high = low, high

    def x(self, milliseconds: float) -> float:
        share = (math.log10(milliseconds) - self._low) / (self._high - self._low)
        return _LABELS + share * (_WIDTH - _LABELS - _NUMBERS)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = 13,
        anchor: str = "lm",
        color: tuple[int, int, int] = _INK,
    ) -> None:
        font = ImageFont.load_default(size * _ZOOM)
        self._draw.text((x * _ZOOM, y * _ZOOM), text, fill=color, font=font, anchor=anchor)

    def line(self, x0: float, y0: float, x1: float, y1: float, color: tuple[int, int, int]) -> None:
        points = [x0 * _ZOOM, y0 * _ZOOM, x1 * _ZOOM, y1 * _ZOOM]
        self._draw.line(points, fill=color, width=_ZOOM)

    def bar(self, y: float, measurement: Measurement) -> None:
        spread = measurement.spread
        color = _OURS if measurement.contender.startswith("ours") else _OTHERS
        end, middle = self.x(spread.median), y + _BAR / 2
        self._draw.rectangle([_LABELS * _ZOOM, y * _ZOOM, end * _ZOOM, (y + _BAR) * _ZOOM], fill=color)
        self.line(self.x(spread.percentile_5), middle, self.x(spread.percentile_95), middle, _INK)
        self.text(_LABELS - 10, middle, measurement.contender, anchor="rm")
        # Beside the line, where nothing lies below the digits.
        self.text(max(end, self.x(spread.percentile_95)) + 8, middle, told(spread))
