"""What a face looks like, in few numbers: enough to tell two people apart who have just crossed."""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around, crop_around

#: Pixels a side. Over 40 photos of HELEN's training part: the same face with its box moved by 3 % of its
#: size, darker and with noise, has a likeness of 0.87 and more; two people of 0.36 in the median, and 0.67
#: in the 95th percentile.
_SIZE: Final = 16


def appearance_of(
    image_rgb: npt.NDArray[np.uint8], points: npt.NDArray[np.floating], *, roll: float
) -> npt.NDArray[np.float64]:
    """A unit vector (768,) of the (H, W, 3) image around the landmarks (66, 2 or 3) of a face.

    ``roll``, in radians clockwise on screen, levels it. Brightness and contrast make no difference.
    """
    crop = crop_around(box_around(points), size=_SIZE, extension=1.0, angle=roll)
    pixels = crop.sample(image_rgb).astype(np.float64).reshape(-1)
    pixels -= pixels.mean()
    return np.asarray(pixels / max(float(np.linalg.norm(pixels)), 1e-9), np.float64)


def likeness(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """In [-1, 1]; 1 for the same picture."""
    return float(first @ second)
