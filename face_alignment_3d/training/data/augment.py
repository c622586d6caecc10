"""From a sample to what the network sees: a random crop whose labels turn, scale and mirror with it.

:func:`draw_variation` draws all that is random about a crop. :func:`show` carries it out with OpenCV, a crop
at a time; :mod:`face_alignment_3d.training.data.augment_torch` does so for a batch on a GPU.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.training.data.photometric import (
    Perturbations,
    Photometric,
    covered,
    draw_perturbations,
)
from face_alignment_3d.training.data.photometric_opencv import perturb
from face_alignment_3d.training.data.sample import Sample


class Placement(NamedTuple):
    """Where a crop lies, relative to the exact crop around a face."""

    angle: float
    """Radians that the photo is turned by."""
    shift: tuple[float, float]
    """In fractions of the face box's longer side."""
    scale: float
    """Side of the crop over that of the exact one."""


class CropVariation(Protocol):
    """A distribution of crops around a face."""

    @property
    def mirror(self) -> bool:
        """Whether half of the crops are mirrored."""

    def draw(self, generator: np.random.Generator) -> Placement:
        """The next placement; the same number of draws each time is not required."""


@dataclass(frozen=True)
class Geometric:
    """How crops vary. Fractions are of the face box's longer side."""

    shift: float = 0.06
    """Standard deviation of the box's offset in x and in y."""
    scale: float = 0.10
    """Standard deviation of the logarithm of the box's side."""
    roll: float = 18.0
    """Standard deviation of the in-plane rotation, degrees."""
    wide_roll: float = 100.0
    """Some heads lie on their side: this share of crops turns uniformly up to so many degrees."""
    wide_roll_share: float = 0.12
    mirror: bool = True

    def draw(self, generator: np.random.Generator) -> Placement:
        """Shift, scale and roll as a detector and a head bring them about."""
        if generator.random() < self.wide_roll_share:
            degrees = generator.uniform(-self.wide_roll, self.wide_roll)
        else:
            degrees = generator.normal(0.0, self.roll)
        shift_x, shift_y = np.clip(generator.normal(0.0, self.shift, 2), -0.2, 0.2)
        scale = float(np.exp(np.clip(generator.normal(0.0, self.scale), -0.3, 0.3)))
        return Placement(float(np.deg2rad(degrees)), (float(shift_x), float(shift_y)), scale)


@dataclass(frozen=True, eq=False)
class Variation:
    """All that is drawn about a crop, whatever sample it will be of."""

    placement: Placement
    replicate: bool
    """Whether the photo's edge pixels go on beyond it; otherwise it is black there."""
    mirrored: bool
    perturbations: Perturbations


@dataclass(frozen=True, eq=False)
class AugmentedCrop:
    """One crop of a sample."""

    sample: Sample
    crop: Crop
    replicate: bool
    mirrored: bool
    perturbations: Perturbations

    def labels(self) -> "CropLabels":
        """The sample's labels as the crop shows them."""
        points = self.crop.to_crop(self.sample.points).astype(np.float32)
        sample = self.sample
        others: tuple[npt.NDArray[np.float32], ...] = (
            sample.weight_xy,
            sample.weight_z,
            sample.visible,
            sample.weight_visible,
        )
        if self.mirrored:
            points = mirror_points(points, width=self.crop.size)
            others = tuple(values[MIRROR] for values in others)
        weight_xy, weight_z, visible, weight_visible = others
        if self.perturbations.occlusion:
            hidden = covered(points[:, :2], self.perturbations.occlusion)
            visible = np.where(hidden, np.float32(0), visible)
            weight_visible = np.where(hidden, np.float32(1), weight_visible)
        return CropLabels(points, weight_xy, weight_z, visible, weight_visible)


class CropLabels(NamedTuple):
    """Labels in the pixels of a crop."""

    points: npt.NDArray[np.float32]
    """(66, 3); z has zero mean."""
    weight_xy: npt.NDArray[np.float32]
    """(66,)"""
    weight_z: npt.NDArray[np.float32]
    """(66,)"""
    visible: npt.NDArray[np.float32]
    """(66,)"""
    weight_visible: npt.NDArray[np.float32]
    """(66,)"""


@dataclass(frozen=True, eq=False)
class Example:
    """One training example; labels in crop pixels."""

    crop: npt.NDArray[np.uint8]
    """(S, S, 3) RGB"""
    points: npt.NDArray[np.float32]
    """(66, 3); z has zero mean."""
    weight_xy: npt.NDArray[np.float32]
    weight_z: npt.NDArray[np.float32]
    visible: npt.NDArray[np.float32]
    weight_visible: npt.NDArray[np.float32]


def upright_crop(
    points: npt.NDArray[np.floating],
    *,
    size: int,
    crop_scale: float,
    angle: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
) -> Crop:
    """The crop that a detector would ask for around these points, were the photo turned by ``angle`` radians.

    ``shift`` (in fractions of the box's side) and ``scale`` are the detector's error.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    x0, y0, x1, y1 = box_around(np.asarray(points[:, :2]) @ turn).astype(np.float64)
    side = max(x1 - x0, y1 - y0)
    center_turned = np.array([(x0 + x1) / 2 + shift[0] * side, (y0 + y1) / 2 + shift[1] * side])
    center = turn @ center_turned
    return Crop(float(center[0]), float(center[1]), float(side * crop_scale * scale), size, angle)


def draw_variation(
    generator: np.random.Generator, *, size: int, geometric: CropVariation, photometric: Photometric
) -> Variation:
    """Draws how a crop of ``size`` x ``size`` pixels varies; neither sample nor pixels are looked at."""
    placement = geometric.draw(generator)
    replicate = not generator.random() < 0.5
    mirrored = geometric.mirror and generator.random() < 0.5
    return Variation(placement, replicate, mirrored, draw_perturbations(size, generator, photometric))


def augmented_crop(sample: Sample, variation: Variation, *, size: int, crop_scale: float) -> AugmentedCrop:
    """The crop of ``sample`` that ``variation`` asks for."""
    placement = variation.placement
    crop = upright_crop(
        sample.points,
        size=size,
        crop_scale=crop_scale,
        angle=placement.angle,
        shift=placement.shift,
        scale=placement.scale,
    )
    return AugmentedCrop(sample, crop, variation.replicate, variation.mirrored, variation.perturbations)


def show(view: AugmentedCrop) -> Example:
    """What a view looks like, with its labels."""
    border = cv2.BORDER_REPLICATE if view.replicate else cv2.BORDER_CONSTANT
    pixels = view.crop.sample(view.sample.image, border=border)
    if view.mirrored:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    return Example(perturb(pixels, view.perturbations), *view.labels())


def mirror_points(points: npt.NDArray[np.float32], *, width: int) -> npt.NDArray[np.float32]:
    """Points (..., 66, 2 or 3) as the mirror image of a picture of ``width`` px has them; its own inverse."""
    mirrored: npt.NDArray[np.float32] = points[..., MIRROR, :]
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored
