"""Conversion of a detector's face boxes to reference boxes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class BoxCalibration:
    """Moves and stretches a box by fixed fractions of its own width and height.

    Detectors disagree on what a face is: some boxes start at the hairline, some at the brows. The reference
    box is the bounding box of the 66 landmarks. The defaults change nothing.
    """

    shift_x: float = 0.0
    """Of the center, to the right, in widths of the detector's box."""
    shift_y: float = 0.0
    """Of the center, down, in heights of the detector's box."""
    scale_x: float = 1.0
    """Width of the reference box over the width of the detector's."""
    scale_y: float = 1.0
    """Height of the reference box over the height of the detector's."""

    def apply(self, boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """A detector's boxes (..., 4) -> reference boxes (..., 4); x0, y0, x1, y1 in the same pixels."""
        center, sides = _center_and_sides(boxes)
        center = center + sides * [self.shift_x, self.shift_y]
        half = sides * [self.scale_x, self.scale_y] / 2
        return np.concatenate([center - half, center + half], axis=-1)

    def inverse(self) -> "BoxCalibration":
        """The calibration that undoes this one."""
        return BoxCalibration(
            -self.shift_x / self.scale_x, -self.shift_y / self.scale_y, 1 / self.scale_x, 1 / self.scale_y
        )

    @classmethod
    def estimate(
        cls, detected: npt.NDArray[np.floating], reference: npt.NDArray[np.floating]
    ) -> "BoxCalibration":
        """The calibration from a detector's boxes (F, 4) to the reference boxes (F, 4) of the same faces.

        Medians, of the scales' logarithms, so that some wrong pairs do no harm.
        """
        center, sides = _center_and_sides(detected)
        center_reference, sides_reference = _center_and_sides(reference)
        shift_x, shift_y = np.median((center_reference - center) / sides, axis=0)
        scale_x, scale_y = np.exp(np.median(np.log(sides_reference / sides), axis=0))
        return cls(float(shift_x), float(shift_y), float(scale_x), float(scale_y))


def _center_and_sides(
    boxes: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    low, high = np.split(np.asarray(boxes, dtype=np.float64), 2, axis=-1)
    return (low + high) / 2, high - low
