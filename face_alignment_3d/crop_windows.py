"""The parts of photos that crops show, as arrays: :meth:`.crop.Crop.cut` of many crops at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, to_image_matrices


class CropWindows(NamedTuple):
    """Of B crops of one size, each from a photo of its own."""

    size: int
    """Height and width S of the crops."""
    parts: npt.NDArray[np.int64]
    """(B, 4): x0, y0, x1, y1 in pixels of the photo; x1 and y1 are the first beyond the part."""
    blocks: npt.NDArray[np.int64]
    """(B,): crops that shrink their photo by 2 or more take means over blocks of this many pixels a side
    first. The first block begins where the part does; the last ones go beyond it where its sides are no
    multiples, and are filled up with its edge pixels."""
    matrices: npt.NDArray[np.float64]
    """(B, 2, 3): from pixels (x, y) of the crop to blocks of the part."""

    def some(self, which: slice | npt.NDArray[np.int64]) -> "CropWindows":
        """Those of some of the crops."""
        return CropWindows(self.size, self.parts[which], self.blocks[which], self.matrices[which])


def crop_windows(crops: Sequence[Crop], extents: npt.NDArray[np.int64]) -> CropWindows:
    """The windows of ``crops``, at least one and all of one size.

    ``extents`` (B, 2) are the widths and heights of their photos in pixels.
    """
    scales = np.array([crop.scale for crop in crops])
    return windows_of(to_image_matrices(crops), scales, extents, size=crops[0].size)


def windows_of(
    matrices: npt.NDArray[np.float64],
    scales: npt.NDArray[np.float64],
    extents: npt.NDArray[np.int64],
    *,
    size: int,
) -> CropWindows:
    """The windows of crops of ``size`` pixels, given by their ``matrices`` and ``scales``.

    ``matrices`` (B, 2, 3) go from crop pixels to those of the photo; ``scales`` (B,) are photo pixels per
    crop pixel; ``extents`` (B, 2) the widths and heights of the photos.
    """
    last = size - 1
    # No block need be larger than the photo, however large the window.
    blocks = np.clip(np.minimum(scales, extents.max(axis=1)).astype(np.int64), 1, None)
    across, down, offset = np.moveaxis(matrices, 2, 0)
    corners = np.stack([0 * across, across * last, down * last, (across + down) * last]) + offset
    margin = 2 * blocks[:, None]
    # Still floats: a window may be so far away that its corners are no integers of 64 bits.
    low = np.clip(np.floor(corners.min(axis=0)) - margin, 0, extents - 1)
    high = np.clip(np.ceil(corners.max(axis=0)) + margin + 1, low + 1, extents)
    to_blocks = matrices / blocks[:, None, None]
    to_blocks[:, :, 2] = (offset - low + 0.5) / blocks[:, None] - 0.5
    return CropWindows(size, np.concatenate([low, high], axis=1).astype(np.int64), blocks, to_blocks)
