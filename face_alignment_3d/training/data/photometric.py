"""Random perturbations of pixels that leave the landmarks where they are.

Everything random about a batch is drawn here, as arrays, and nothing is done to pixels. The drawn numbers are
carried out by :mod:`face_alignment_3d.training.data.photometric_opencv`, a crop at a time on the CPU, or by
:mod:`face_alignment_3d.training.data.photometric_torch`, a batch at a time on a GPU.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

#: Patches that a crop may have.
MOST_PATCHES: Final = 2
#: The contents of a patch: one color, noise, or the mirrored crop, rolled.
COLOR, NOISE, COPY = 0, 1, 2
_SEEDS: Final = 2**32


@dataclass(frozen=True)
class Photometric:
    """The chance of each perturbation of a crop."""

    color: float = 0.8
    gray: float = 0.12
    blur: float = 0.15
    low_resolution: float = 0.15
    noise: float = 0.15
    jpeg: float = 0.12
    illumination: float = 0.2
    occlusion: float = 0.3


@dataclass(frozen=True, eq=False)
class Perturbations:
    """The perturbations of B crops of S x S pixels, in the order of the fields; 0 is none."""

    low_resolution: Ints
    """(B,): side in pixels to which the crop is shrunk before it is enlarged again."""
    blur_std: Floats
    """(B,) crop pixels, of a Gaussian blur."""
    motion_length: Ints
    """(B,) crop pixels, of a mean along a line through each pixel; odd, for a kernel without a middle cell
    would shift the picture away from its labels."""
    motion_angle: Ints
    """(B,) degrees in [0, 180), counter-clockwise on screen."""
    patches: Ints
    """(B,): how many rectangles and ellipses hide a part of the crop, of the two that were drawn."""
    patch_place: Ints
    """(B, 2, 4): top, left, height, width."""
    patch_tilt: Floats
    """(B, 2) degrees by which an ellipse is turned; NaN for a rectangle."""
    patch_content: Ints
    """(B, 2): :data:`COLOR`, :data:`NOISE` or :data:`COPY`."""
    patch_color: Ints
    """(B, 2, 3) in [0, 255]"""
    patch_shift: Ints
    """(B, 2, 2): rows and columns by which the mirrored crop is rolled."""
    patch_seed: Ints
    """(B, 2), for :func:`face_alignment_3d.training.data.pixel_noise.uniform_noise`."""
    light_strength: Floats
    """(B,): half the logarithm of the ratio of light between opposite sides (at angle 0), as from a lamp."""
    light_angle: Floats
    """(B,) radians."""
    recolored: Bools
    """(B,): True if gamma, contrast, brightness and tints are applied, then saturation."""
    gamma: Floats
    contrast: Floats
    brightness: Floats
    tints: Floats
    """(B, 3)"""
    saturation: Floats
    """(B,); 1 leaves it as it is."""
    gray: Bools
    noise_std: Floats
    """(B,) levels."""
    noise_seed: Ints
    """(B,), for :func:`face_alignment_3d.training.data.pixel_noise.normal_noise`."""
    jpeg: Ints
    """(B,): the quality that the crop is compressed with."""

    def part(self, chosen: slice) -> "Perturbations":
        """The perturbations of the crops at these indices."""
        arrays: dict[str, Any] = {name: values[chosen] for name, values in vars(self).items()}
        return Perturbations(**arrays)


def sample_perturbations(
    count: int, size: int, generator: np.random.Generator, chances: Photometric
) -> Perturbations:
    """Draws the perturbations of ``count`` crops of ``size`` x ``size`` pixels, independent of any pixel."""

    def happens(chance: float) -> Bools:
        return generator.random(count) < chance

    def uniform(low: float, high: float, *shape: int) -> Floats:
        return generator.uniform(low, high, (count, *shape)).astype(np.float32)

    def lognormal(std: float, *shape: int) -> Floats:
        return np.exp(generator.normal(0.0, std, (count, *shape))).astype(np.float32)

    def integers(low: int, high: int, *shape: int) -> Ints:
        return generator.integers(low, high, (count, *shape))

    blurred, in_motion = happens(chances.blur), happens(0.5)
    sides = integers(size // 10, size // 2, MOST_PATCHES, 2)
    corner = uniform(0, 1, MOST_PATCHES, 2)
    kind = generator.random((count, MOST_PATCHES))
    return Perturbations(
        low_resolution=np.where(
            happens(chances.low_resolution), np.rint(size * uniform(0.25, 0.8)), 0
        ).astype(np.int64),
        blur_std=np.where(blurred & ~in_motion, uniform(0.4, 2.0), np.float32(0)),
        motion_length=np.where(blurred & in_motion, 2 * integers(1, 5) + 1, 0),
        motion_angle=integers(0, 180),
        patches=np.where(happens(chances.occlusion), integers(1, MOST_PATCHES + 1), 0),
        patch_place=np.concatenate([np.floor(corner * size).astype(np.int64) - sides // 2, sides], axis=-1),
        patch_tilt=np.where(
            generator.random((count, MOST_PATCHES)) < 0.5, uniform(0, 180, MOST_PATCHES), np.float32(np.nan)
        ),
        patch_content=np.where(kind < 0.4, COLOR, np.where(kind < 0.6, NOISE, COPY)),
        patch_color=integers(0, 256, MOST_PATCHES, 3),
        patch_shift=integers(0, size, MOST_PATCHES, 2),
        patch_seed=integers(0, _SEEDS, MOST_PATCHES),
        light_strength=np.where(happens(chances.illumination), uniform(0.2, 0.8), np.float32(0)),
        light_angle=uniform(0, 2 * np.pi),
        recolored=happens(chances.color),
        gamma=lognormal(0.25),
        contrast=lognormal(0.2),
        brightness=generator.normal(0.0, 0.1, count).astype(np.float32),
        tints=lognormal(0.08, 3),
        saturation=np.where(happens(0.5), uniform(0.3, 1.5), np.float32(1)),
        gray=happens(chances.gray),
        noise_std=np.where(happens(chances.noise), uniform(2.0, 14.0), np.float32(0)),
        noise_seed=integers(0, _SEEDS),
        jpeg=np.where(happens(chances.jpeg), integers(12, 60), 0),
    )


def covered(points: npt.NDArray[np.floating], drawn: Perturbations) -> Bools:
    """(B, N): True for points (B, N, 2), in crop pixels, that lie under one of their crop's patches."""
    hidden = np.zeros(points.shape[:2], dtype=bool)
    for slot in range(MOST_PATCHES):
        top, left, height, width = drawn.patch_place[:, slot].T[..., None]
        x, y = points[..., 0], points[..., 1]
        tilt = np.deg2rad(drawn.patch_tilt[:, slot, None])
        box = (x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)
        away_x, away_y = x - (left + width // 2), y - (top + height // 2)
        along = (away_x * np.cos(tilt) + away_y * np.sin(tilt)) / np.maximum(width // 2, 1)
        across = (away_y * np.cos(tilt) - away_x * np.sin(tilt)) / np.maximum(height // 2, 1)
        under = np.where(np.isnan(tilt), box, along**2 + across**2 <= 1)
        hidden |= under & (drawn.patches[:, None] > slot)
    return hidden


def recolor_table(drawn: Perturbations, index: int) -> Pixels:
    """(256, 3): the new value of each level of each channel of crop ``index``, before saturation."""
    levels = np.arange(256, dtype=np.float32) / 255
    curve = (levels ** drawn.gamma[index] - np.float32(0.5)) * drawn.contrast[index]
    curve += np.float32(0.5) + drawn.brightness[index]
    table: Pixels = np.clip(np.rint(255 * curve[:, None] * drawn.tints[index]), 0, 255).astype(np.uint8)
    return table
