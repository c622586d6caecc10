"""Continuing a map into the places where it is unknown."""

import cv2
import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]


def fill(values: Map, known: npt.NDArray[np.bool_]) -> Map:
    """Continues ``values`` (h, w) or (h, w, C) smoothly from where they are ``known`` (h, w) into the rest.

    Each gap takes the mean of what is known around it at the finest scale that reaches it. Known values stay
    as they are; where nothing is known at all the result is 0.
    """
    weight = known.astype(np.float32)
    layers = values[:, :, None] if values.ndim == 2 else values
    filled = _pull_push(np.where(known[:, :, None], layers, 0).astype(np.float32), weight)
    result: Map = np.where(known[:, :, None], layers, filled).astype(np.float32)
    return result.reshape(values.shape)


def _pull_push(values: Map, weight: Map) -> Map:
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
    blended: Map = share * values + (1 - share) * above
    return blended


def _resize(values: Map, size: tuple[int, int], interpolation: int) -> Map:
    resized = np.asarray(cv2.resize(values, size, interpolation=interpolation), dtype=np.float32)
    return resized.reshape(size[1], size[0], values.shape[2])  # OpenCV drops a single channel.
