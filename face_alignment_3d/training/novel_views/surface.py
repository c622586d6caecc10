"""Drawing a grid of points as a surface without gaps, with a z-buffer."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 30)
"""Samples per side that a quad may be drawn with."""
_SPACING = 0.8
"""Pixels between samples at most, so that nothing behind shows through."""


class Drawn(NamedTuple):
    """The contents of a z-buffer."""

    depth: Floats
    """(h, w): of the nearest surface; infinity where there is none."""
    values: Floats
    """(h, w, C): of that surface, averaged over the pixel; 0 where there is none."""


def draw(corners: Floats, values: Floats, *, size: tuple[int, int], thickness: float) -> Drawn:
    """Draws quads with ``corners`` (Q, 4, 3), pixels and depth away from the camera, in (h, w) pixels.

    ``values`` (Q, 4, C) are interpolated over each quad. Samples of one pixel that are less than
    ``thickness`` apart in depth belong to one surface. A quad longer than 24 px is a gap between two
    surfaces, and is left out.
    """
    height, width = size
    extent = np.ptp(corners[:, :, :2], axis=1).max(axis=1)
    middle = corners[:, :, :2].mean(axis=1)
    near = extent[:, None] + 1
    shown = ((middle > -near) & (middle < np.array([width, height]) + near)).all(axis=1)
    samples: list[Floats] = []
    lower = -1.0
    for side in _SIDES:
        chosen = shown & (extent > lower) & (extent <= side * _SPACING)
        lower = side * _SPACING
        if chosen.any():
            both = np.concatenate([corners[chosen], values[chosen]], axis=2)
            samples.append(np.einsum("qkc,ks->qsc", both, _weights(side)).reshape(-1, both.shape[2]))
    count = values.shape[2]
    together = np.concatenate(samples) if samples else np.zeros((0, 3 + count), dtype=np.float32)
    return _resolve(together, size, thickness)


def _resolve(samples: Floats, size: tuple[int, int], thickness: float) -> Drawn:
    height, width = size
    pixels = height * width
    column, row = (np.rint(samples[:, axis]).astype(np.int64) for axis in (0, 1))
    within = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    samples, cell = samples[within], (row * width + column)[within]
    depth = np.full(pixels, np.inf, dtype=np.float32)
    np.minimum.at(depth, cell, samples[:, 2])
    front = samples[:, 2] < depth[cell] + np.float32(thickness)
    cell, carried = cell[front], samples[front, 3:]
    count = np.maximum(np.bincount(cell, minlength=pixels), 1)
    sums = [np.bincount(cell, weights=carried[:, k], minlength=pixels) for k in range(carried.shape[1])]
    mean = (np.stack(sums, axis=-1) / count[:, None]).astype(np.float32)
    return Drawn(depth.reshape(size), mean.reshape(height, width, -1))


def _weights(side: int) -> Floats:
    """(4, side * side): the weight of each corner of a quad in samples spread evenly over it."""
    steps = (np.arange(side, dtype=np.float32) + 0.5) / side
    u, v = (axis.ravel() for axis in np.meshgrid(steps, steps))
    return np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v])
