"""Perturbations of pixels that leave the landmarks where they are: what may happen, and what was drawn.

Everything random about them is drawn here, and nothing is done to pixels. The drawn numbers are carried out
by :mod:`face_alignment_3d.training.data.photometric_opencv`, a crop at a time on the CPU, or by
:mod:`face_alignment_3d.training.data.photometric_torch`, a batch at a time on a GPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


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


@dataclass(frozen=True)
class GaussianBlur:
    """An isotropic blur."""

    std: float
    """Crop pixels."""


@dataclass(frozen=True)
class MotionBlur:
    """A mean along a line through each pixel."""

    length: int
    """Crop pixels; odd, for a kernel without a middle cell would shift the picture away from its labels."""
    angle: float
    """Degrees, counter-clockwise on screen."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A rectangle or an ellipse that hides a part of the crop."""

    top: int
    left: int
    height: int
    width: int
    tilt: float | None
    """Degrees by which the ellipse is turned; None for a rectangle."""
    pixels: Pixels | None
    """(3,) one color, or (S, S, 3) noise, of which the patch shows its part; None for a shifted copy."""
    shift: tuple[int, int]
    """Rows and columns by which the mirrored crop is rolled, where the patch shows that."""


@dataclass(frozen=True)
class Illumination:
    """A linear fall of light across the crop, as from a lamp at one side."""

    angle: float
    """Radians."""
    strength: float
    """Half the logarithm of the ratio of light between the opposite sides (of a crop at angle 0)."""


@dataclass(frozen=True)
class Recolor:
    """Gamma, contrast, brightness and a tint, then saturation."""

    gamma: float
    contrast: float
    brightness: float
    tints: tuple[float, float, float]
    saturation: float | None
    """None leaves it as it is."""

    def table(self) -> Pixels:
        """(256, 3): what becomes of each level of each channel, before saturation."""
        levels = np.arange(256, dtype=np.float32) / 255
        curve = (levels**self.gamma - 0.5) * self.contrast + 0.5 + self.brightness
        stacked = np.stack([255 * curve * tint for tint in self.tints], axis=-1)
        table: Pixels = np.clip(np.rint(stacked), 0, 255).astype(np.uint8)
        return table


@dataclass(frozen=True, eq=False)
class Perturbations:
    """What happens to one (S, S, 3) crop, in the order of the fields."""

    low_resolution: float | None
    """The factor in (0, 1) by which the crop is shrunk before it is enlarged again."""
    blur: GaussianBlur | MotionBlur | None
    occlusion: tuple[Patch, ...]
    illumination: Illumination | None
    color: Recolor | None
    gray: bool
    noise: npt.NDArray[np.float32] | None
    """(S, S, 3), added to the pixels."""
    jpeg: int | None
    """The quality that the crop is compressed with."""


def draw_perturbations(size: int, generator: np.random.Generator, chances: Photometric) -> Perturbations:
    """Draws what happens to a crop of ``size`` x ``size`` pixels.

    What is drawn depends on the size and on the generator's state, never on pixels.
    """
    shape = (size, size, 3)
    return Perturbations(
        low_resolution=(
            float(generator.uniform(0.25, 0.8)) if generator.random() < chances.low_resolution else None
        ),
        blur=_draw_blur(generator) if generator.random() < chances.blur else None,
        occlusion=_draw_patches(size, generator) if generator.random() < chances.occlusion else (),
        illumination=(
            Illumination(float(generator.uniform(0, 2 * np.pi)), float(generator.uniform(0.2, 0.8)))
            if generator.random() < chances.illumination
            else None
        ),
        color=_draw_recolor(generator) if generator.random() < chances.color else None,
        gray=generator.random() < chances.gray,
        noise=(
            generator.normal(0.0, generator.uniform(2.0, 14.0), shape).astype(np.float32)
            if generator.random() < chances.noise
            else None
        ),
        jpeg=int(generator.integers(12, 60)) if generator.random() < chances.jpeg else None,
    )


def covered(points: npt.NDArray[np.floating], patches: Sequence[Patch]) -> npt.NDArray[np.bool_]:
    """(N,): which of the points (N, 2), in crop pixels, lie under one of the patches."""
    hidden = np.zeros(len(points), dtype=bool)
    for patch in patches:
        if patch.tilt is None:
            away = points - (patch.left, patch.top)
            hidden |= ((away >= 0) & (away <= (patch.width, patch.height))).all(axis=1)
        else:
            away = points - (patch.left + patch.width // 2, patch.top + patch.height // 2)
            angle = np.deg2rad(patch.tilt)
            along = away @ np.array([np.cos(angle), np.sin(angle)])
            across = away @ np.array([-np.sin(angle), np.cos(angle)])
            half_width, half_height = max(patch.width // 2, 1), max(patch.height // 2, 1)
            hidden |= np.square(along / half_width) + np.square(across / half_height) <= 1
    return hidden


def _draw_blur(generator: np.random.Generator) -> GaussianBlur | MotionBlur:
    if generator.random() < 0.5:
        return GaussianBlur(float(generator.uniform(0.4, 2.0)))
    length = 2 * int(generator.integers(1, 5)) + 1
    return MotionBlur(length, float(generator.uniform(0, 180)))


def _draw_patches(size: int, generator: np.random.Generator) -> tuple[Patch, ...]:
    return tuple(_draw_patch(size, generator) for _ in range(int(generator.integers(1, 3))))


def _draw_patch(size: int, generator: np.random.Generator) -> Patch:
    height, width = (int(v) for v in generator.integers(size // 10, size // 2, 2))
    top = int(generator.integers(-height // 2, size - height // 2))
    left = int(generator.integers(-width // 2, size - width // 2))
    tilt = float(generator.uniform(0, 180)) if generator.random() < 0.5 else None
    kind = generator.random()
    pixels, shift = None, (0, 0)
    if kind < 0.4:
        pixels = generator.integers(0, 256, 3, dtype=np.uint8)
    elif kind < 0.6:
        pixels = generator.integers(0, 256, (size, size, 3), dtype=np.uint8)
    else:
        shift = (int(generator.integers(size)), int(generator.integers(size)))
    return Patch(top, left, height, width, tilt, pixels, shift)


def _draw_recolor(generator: np.random.Generator) -> Recolor:
    gamma = float(np.exp(generator.normal(0.0, 0.25)))
    contrast = float(np.exp(generator.normal(0.0, 0.2)))
    brightness = float(generator.normal(0.0, 0.1))
    red, green, blue = (float(v) for v in np.exp(generator.normal(0.0, 0.08, 3)))
    saturation = float(generator.uniform(0.3, 1.5)) if generator.random() < 0.5 else None
    return Recolor(gamma, contrast, brightness, (red, green, blue), saturation)
