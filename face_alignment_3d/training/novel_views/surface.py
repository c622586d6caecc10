"""Rendering surfaces with a z-buffer, and continuing maps into the places where they are unknown."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 30)
"""Samples per side that a quad may be rendered with."""
_SPACING = 0.8
"""Pixels between samples at most, so that nothing behind shows through."""


class Rendering(NamedTuple):
    """The contents of a z-buffer."""

    depth: Floats
    """(h, w): of the nearest surface; infinity where there is none."""
    values: Floats
    """(h, w, C): of that surface, averaged over the pixel; 0 where there is none."""


def render(corners: Floats, values: Floats, *, size: tuple[int, int], thickness: float) -> Rendering:
    """Rasterizes quads with ``corners`` (Q, 4, 3), pixels and depth away from the camera, in (h, w) pixels.

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


def _resolve(samples: Floats, size: tuple[int, int], thickness: float) -> Rendering:
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
    return Rendering(depth.reshape(size), mean.reshape(height, width, -1))


def _weights(side: int) -> Floats:
    """(4, side * side): the weight of each corner of a quad in samples spread evenly over it."""
    steps = (np.arange(side, dtype=np.float32) + 0.5) / side
    u, v = (axis.ravel() for axis in np.meshgrid(steps, steps))
    return np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v])


def fill(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Continues ``values`` (h, w) or (h, w, C) smoothly from where they are ``known`` (h, w) into the rest.

    Each gap takes the mean of what is known around it at the finest scale that reaches it. Known values stay
    as they are; where nothing is known at all the result is 0.
    """
    weight = known.astype(np.float32)
    layers = values[:, :, None] if values.ndim == 2 else values
    filled = _pull_push(np.where(known[:, :, None], layers, 0).astype(np.float32), weight)
    result: Floats = np.where(known[:, :, None], layers, filled).astype(np.float32)
    return result.reshape(values.shape)


def _pull_push(values: Floats, weight: Floats) -> Floats:
    """Values (h, w, C) kept where ``weight`` (h, w) is 1, and made up from coarser scales elsewhere."""
    height, width = weight.shape
    if weight.min() >= 1 or max(height, width) <= 1:
        return values
    size = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    mass = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    total = _resize(values * weight[:, :, None], size, cv2.INTER_AREA)
    mean = np.where(mass[:, :, None] > 0, total / np.maximum(mass, 1e-6)[:, :, None], 0).astype(np.float32)
    coarse = _pull_push(mean, np.minimum(1.0, 2 * mass).astype(np.float32))
    above = _resize(coarse, (width, height), cv2.INTER_LINEAR)
    share = weight[:, :, None]
    blended: Floats = share * values + (1 - share) * above
    return blended


def _resize(values: Floats, size: tuple[int, int], interpolation: int) -> Floats:
    resized = np.asarray(cv2.resize(values, size, interpolation=interpolation), dtype=np.float32)
    return resized.reshape(size[1], size[0], values.shape[2])  # OpenCV drops a single channel.
