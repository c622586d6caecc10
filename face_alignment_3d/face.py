"""What the aligner knows about one face."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Face3D:
    """One face in one image. All coordinates are image pixels; (0, 0) is the centre of the top-left pixel."""

    landmarks: npt.NDArray[np.float32]
    """(66, 3): x right, y down, z away from the camera, all in image pixels; z has zero mean over the points.
    Points may lie outside the image when the face is cut off."""

    confidence: npt.NDArray[np.float32]
    """(66,) in [0, 1]: how far the two stages of the cascade agree on the point, and how sharp its heatmap
    is. Low values go with large errors; MODEL_CARD.md has the measured relation."""

    box: npt.NDArray[np.float32]
    """(4,): x0, y0, x1, y1 of the box that the landmarks were computed from."""

    score: float | None
    """The detector's score in [0, 1], or None when the box was the caller's."""
