"""From the stored picture of a video to the one that players show."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av


def upright(image: npt.NDArray[np.uint8], matrix: npt.NDArray[np.int32] | None) -> npt.NDArray[np.uint8]:
    """``image`` (H, W, C) as its display matrix (3, 3) has it shown: turned by quarters, mirrored, or both.

    A point (x, y) is shown at ``(x, y) @ matrix[:2, :2]``, up to a factor and a shift; x right, y down. The
    nearest of the eight ways is taken; None shows the picture as it is.
    """
    if matrix is None:
        return image
    (a, b), (c, d) = matrix[:2, :2].astype(float)
    is_transposed = abs(b) + abs(c) > abs(a) + abs(d)
    if is_transposed:
        image = image.swapaxes(0, 1)
    # What is shown to the right comes from x, or from y where these changed places.
    x_step, y_step = (c, b) if is_transposed else (a, d)
    image = image[:: -1 if y_step < 0 else 1, :: -1 if x_step < 0 else 1]
    return np.ascontiguousarray(image)


def display_matrix(frame: "av.VideoFrame") -> npt.NDArray[np.int32] | None:
    """The frame's display matrix (3, 3) as FFmpeg has it; None where there is none."""
    side_data: Any = frame.side_data  # PyAV's types know motion vectors only.
    data = side_data.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), np.int32, 9).reshape(3, 3)
