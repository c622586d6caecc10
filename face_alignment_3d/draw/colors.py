"""Depth as color."""

from typing import Final

import numpy as np
import numpy.typing as npt

#: Around everything that is drawn, so that it stands out from any background.
OUTLINE_COLOR: Final = (12, 14, 24)

#: RGB from far to near, ever lighter, so that the order shows in gray print too. None is dark enough to
#: drown in the outline.
_DEPTH_COLORS: Final = np.array(
    [(60, 100, 255), (205, 100, 230), (255, 150, 100), (255, 242, 120)], np.float64
)


def depth_colors(z: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """(N,) depths, larger is farther -> (N, 3) RGB, the nearest yellow and the farthest blue."""
    z = np.asarray(z, np.float64)
    nearness = (z.max() - z) / max(float(np.ptp(z)), 1e-6)
    stops = np.linspace(0, 1, len(_DEPTH_COLORS))
    channels = [np.interp(nearness, stops, channel) for channel in _DEPTH_COLORS.T]
    colors: npt.NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors
