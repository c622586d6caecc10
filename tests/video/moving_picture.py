"""A picture full of texture that moves as a whole."""

import cv2
import numpy as np


def picture(matrix: np.ndarray | None = None) -> np.ndarray:
    """Smooth texture, (480, 640, 3), moved by ``matrix`` (2, 3)."""
    generator = np.random.default_rng(5)
    coarse = generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    pixels = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    if matrix is not None:
        pixels = cv2.warpAffine(pixels, matrix, (640, 480), flags=cv2.INTER_CUBIC)
    noise = generator.normal(0, 3, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
