"""Cutting many boxes out of an image and resizing them, exactly and without a deep learning library."""

from typing import Final

import numpy as np
import numpy.typing as npt

#: Floats of image that are copied at a time; bounds memory when there are thousands of boxes.
_CHUNK: Final = 4_000_000
#: Multiplications of a matrix product up to which OpenBLAS stays on the thread that it is called on.
_ONE_THREAD: Final = 4 * 65_536


def resized_squares(
    image: npt.NDArray[np.uint8], squares: npt.NDArray[np.float64], *, size: int
) -> npt.NDArray[np.float32]:
    """Squares (K, 4) of an image (H, W, C) as (K, size, size, C) float32 pixels.

    ``squares`` are x0, y0, x1, y1 in edge coordinates: the top-left pixel spans 0 to 1. Each output pixel is
    the mean of g x g bilinear samples, spread evenly over its cell, with g the cell's side rounded up, so
    that large boxes do not alias; beyond the image there is black. This is RoIAlign (He et al., "Mask
    R-CNN", 2017) with adaptive sampling, as ``torchvision.ops.roi_align(..., sampling_ratio=-1,
    aligned=True)`` computes it. Since rows and columns are treated alike it comes to two matrix products for
    each square.
    """
    height, width, channels = image.shape
    result = np.zeros((len(squares), size, size, channels), dtype=np.float32)
    sides = squares[:, 2] - squares[:, 0]
    grids = np.ceil(sides / size).astype(np.int64)
    for grid in np.unique(grids):
        # Squares of one grid touch at most this many rows and columns, so they can be handled together.
        reach = size * int(grid) + 2
        rows, columns = min(reach, height), min(reach, width)
        members = np.flatnonzero(grids == grid)
        step = max(1, _CHUNK // (rows * columns * channels))
        for start in range(0, len(members), step):
            here = members[start : start + step]
            left, weights_x = _weights(squares[here, 0], sides[here], size, int(grid), columns, width)
            top, weights_y = _weights(squares[here, 1], sides[here], size, int(grid), rows, height)
            # Channels before columns, so that either side takes one product for each square.
            parts = np.empty((len(here), rows, channels, columns), dtype=np.float32)
            for part, y, x in zip(parts, top.tolist(), left.tolist(), strict=True):
                part[...] = image[y : y + rows, x : x + columns].transpose(0, 2, 1)
            by_rows = _product(weights_y, parts.reshape(len(here), rows, channels * columns))
            by_rows = by_rows.reshape(len(here), size * channels, columns)
            both = _product(by_rows, weights_x.transpose(0, 2, 1))
            result[here] = both.reshape(len(here), size, channels, size).transpose(0, 1, 3, 2)
    return result


def _product(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(K, M, N) and (K, N, P) -> (K, M, P), in blocks of rows that OpenBLAS does not spread over threads.

    It would gain nothing by that, and its threads, which go on spinning for a while, would keep those of the
    networks from their cores: with two cores that made a whole search three times as slow.
    """
    count, rows, inner = first.shape
    columns = second.shape[2]
    fitting = [m for m in range(1, rows + 1) if rows % m == 0 and m * inner * columns <= _ONE_THREAD]
    block = max(fitting, default=1)
    blocks = first.reshape(count, rows // block, block, inner) @ second[:, None]
    return blocks.reshape(count, rows, columns)


def _weights(
    low: npt.NDArray[np.float64],
    side: npt.NDArray[np.float64],
    size: int,
    grid: int,
    reach: int,
    length: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Of K intervals in one dimension: the first pixel (K,), and the weight of each of the ``reach`` pixels
    from it on in each output pixel, (K, size, reach)."""
    samples = size * grid
    # From here on in pixel coordinates: the center of the first pixel is 0.
    position = low[:, None] - 0.5 + side[:, None] * (np.arange(samples) + 0.5) / samples
    inside = (position >= -1) & (position <= length)
    position = np.clip(position, 0, length - 1)
    before = np.minimum(position.astype(np.int64), length - 1)
    after = np.minimum(before + 1, length - 1)
    share = position - before
    first = np.clip(before[:, 0], 0, max(0, length - reach))
    output = np.arange(len(low))[:, None] * size + np.arange(samples) // grid
    place = output * reach - first[:, None]
    weights = np.bincount(
        np.concatenate([(place + before).ravel(), (place + after).ravel()]),
        np.concatenate([(inside * (1 - share)).ravel(), (inside * share).ravel()]),
        minlength=len(low) * size * reach,
    )
    return first, (weights / grid).reshape(len(low), size, reach).astype(np.float32)
