"""Disturbances of pixels that leave the landmarks where they are."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Photometric:
    """The chance of each disturbance of a crop."""

    colour: float = 0.8
    grey: float = 0.12
    blur: float = 0.15
    low_resolution: float = 0.15
    noise: float = 0.15
    jpeg: float = 0.12
    shade: float = 0.2
    occlusion: float = 0.3


def disturb(crop: Pixels, generator: np.random.Generator, chances: Photometric) -> Pixels:
    """An (S, S, 3) RGB crop, disturbed; the one given is left as it is."""
    if generator.random() < chances.low_resolution:
        crop = _low_resolution(crop, generator)
    if generator.random() < chances.blur:
        crop = _blur(crop, generator)
    if generator.random() < chances.occlusion:
        crop = _occlude(crop, generator)
    if generator.random() < chances.shade:
        crop = _shade(crop, generator)
    if generator.random() < chances.colour:
        crop = _recolour(crop, generator)
    if generator.random() < chances.grey:
        crop = _as_pixels(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    if generator.random() < chances.noise:
        noise = generator.normal(0.0, generator.uniform(2.0, 14.0), crop.shape).astype(np.float32)
        crop = _clip(crop.astype(np.float32) + noise)
    if generator.random() < chances.jpeg:
        quality = int(generator.integers(12, 60))
        _, packed = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
        crop = _as_pixels(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return crop


def _recolour(crop: Pixels, generator: np.random.Generator) -> Pixels:
    """Gamma, gain and offset a channel, as one look-up table a channel, then saturation."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = float(np.exp(generator.normal(0.0, 0.25)))
    contrast = float(np.exp(generator.normal(0.0, 0.2)))
    brightness = float(generator.normal(0.0, 0.1))
    tints = np.exp(generator.normal(0.0, 0.08, 3))
    tables = [255 * ((levels**gamma - 0.5) * contrast + 0.5 + brightness) * float(tint) for tint in tints]
    table = _clip(np.stack(tables, axis=-1))[None]
    recoloured = _as_pixels(cv2.LUT(crop, table))
    if generator.random() < 0.5:
        grey = cv2.cvtColor(recoloured, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
        saturation = float(generator.uniform(0.3, 1.5))
        recoloured = _clip(grey + (recoloured.astype(np.float32) - grey) * saturation)
    return recoloured


def _blur(crop: Pixels, generator: np.random.Generator) -> Pixels:
    if generator.random() < 0.5:
        return _as_pixels(cv2.GaussianBlur(crop, (0, 0), float(generator.uniform(0.4, 2.0))))
    # Odd, for a kernel without a middle cell would shift the picture away from its labels.
    length = 2 * int(generator.integers(1, 5)) + 1
    angle = float(generator.uniform(0, 180))
    kernel = np.zeros((length, length), dtype=np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1.0)
    kernel = cv2.warpAffine(kernel, turn, (length, length)).astype(np.float32)
    return _as_pixels(cv2.filter2D(crop, -1, kernel / max(float(kernel.sum()), 1e-3)))


def _low_resolution(crop: Pixels, generator: np.random.Generator) -> Pixels:
    height, width = crop.shape[:2]
    factor = float(generator.uniform(0.25, 0.8))
    small = cv2.resize(crop, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    return _as_pixels(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _shade(crop: Pixels, generator: np.random.Generator) -> Pixels:
    """A linear fall of light across the crop, as from a lamp at one side."""
    size = crop.shape[0]
    angle = generator.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    slope = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    gain = np.exp(np.float32(generator.uniform(0.2, 0.8)) * slope.astype(np.float32))
    return _clip(crop.astype(np.float32) * gain[..., None])


def _occlude(crop: Pixels, generator: np.random.Generator) -> Pixels:
    """One or two patches of flat colour, noise, or another part of the crop."""
    size = crop.shape[0]
    covered: Pixels = crop.copy()
    for _ in range(int(generator.integers(1, 3))):
        height, width = (int(v) for v in generator.integers(size // 10, size // 2, 2))
        top = int(generator.integers(-height // 2, size - height // 2))
        left = int(generator.integers(-width // 2, size - width // 2))
        mask = np.zeros((size, size), dtype=np.uint8)
        middle = (left + width // 2, top + height // 2)
        if generator.random() < 0.5:
            tilt = float(generator.uniform(0, 180))
            cv2.ellipse(mask, middle, (width // 2, height // 2), tilt, 0, 360, 1, -1)
        else:
            cv2.rectangle(mask, (left, top), (left + width, top + height), 1, -1)
        kind = generator.random()
        if kind < 0.4:
            patch = np.empty_like(crop)
            patch[:] = generator.integers(0, 256, 3, dtype=np.uint8)
        elif kind < 0.6:
            patch = generator.integers(0, 256, crop.shape, dtype=np.uint8)
        else:
            offset = (int(generator.integers(size)), int(generator.integers(size)))
            patch = np.roll(crop[:, ::-1], offset, axis=(0, 1))
        covered = np.where(mask[..., None] > 0, patch, covered)
    return covered


def _clip(values: npt.NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def _as_pixels(values: object) -> Pixels:
    return np.asarray(values, dtype=np.uint8)
