"""Groups of faces by their yaw."""

from typing import Final

import numpy as np
import numpy.typing as npt

#: Lower ends of the groups, degrees of |yaw|; the last group has no upper end.
GROUP_STARTS: Final = (0, 15, 30, 45, 60, 75)


def yaw_groups(yaw: npt.NDArray[np.floating]) -> dict[str, npt.NDArray[np.bool_]]:
    """Label, such as ``"15 to 30"``, -> which of the (N,) angles in degrees belong to it; in order."""
    turned = np.abs(yaw)
    ends = (*GROUP_STARTS[1:], np.inf)
    return {
        f"{start} to {end}" if np.isfinite(end) else f"{start} or more": (turned >= start) & (turned < end)
        for start, end in zip(GROUP_STARTS, ends, strict=True)
    }
