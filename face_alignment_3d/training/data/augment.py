"""Random crops of samples for training; labels are turned, scaled and mirrored with them.

:func:`sample_variations` draws all that is random about a batch, as arrays; :func:`varied_views` places the
crops and works out their labels. :func:`show` makes the pixels with OpenCV, a crop at a time;
:mod:`face_alignment_3d.training.data.augment_torch` does so for a batch on a GPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.training.data.photometric import (
    Bools,
    Floats,
    Perturbations,
    Photometric,
    Pixels,
    covered,
    sample_perturbations,
)
from face_alignment_3d.training.data.photometric_opencv import perturb
from face_alignment_3d.training.data.sample import Sample


class Placements(NamedTuple):
    """The places of B crops, relative to the exact crops around their faces."""

    angle: npt.NDArray[np.float64]
    """(B,) radians that the photo is turned by."""
    shift: npt.NDArray[np.float64]
    """(B, 2), in fractions of the face box's longer side."""
    scale: npt.NDArray[np.float64]
    """(B,): side of the crop over that of the exact one."""


class CropVariation(Protocol):
    """A distribution of crops around a face."""

    @property
    def mirror(self) -> bool:
        """True if half of the crops are mirrored."""

    def sample(self, count: int, generator: np.random.Generator) -> Placements:
        """``count`` placements."""


@dataclass(frozen=True)
class Geometric:
    """The random variation of crops. Fractions are of the face box's longer side."""

    shift: float = 0.06
    """Standard deviation of the box's offset in x and in y."""
    scale: float = 0.10
    """Standard deviation of the logarithm of the box's side."""
    roll: float = 18.0
    """Standard deviation of the in-plane rotation, degrees."""
    wide_roll: float = 100.0
    """A share of crops, ``wide_roll_share``, turns uniformly by up to this many degrees to either side
    instead, as some heads lie on their side."""
    wide_roll_share: float = 0.12
    mirror: bool = True

    def sample(self, count: int, generator: np.random.Generator) -> Placements:
        """Shift, scale and roll, distributed like a detector's errors and the leans of heads."""
        wide = generator.random(count) < self.wide_roll_share
        degrees = np.where(
            wide,
            generator.uniform(-self.wide_roll, self.wide_roll, count),
            generator.normal(0.0, self.roll, count),
        )
        shift = np.clip(generator.normal(0.0, self.shift, (count, 2)), -0.2, 0.2)
        scale = np.exp(np.clip(generator.normal(0.0, self.scale, count), -0.3, 0.3))
        return Placements(np.deg2rad(degrees), shift, scale)


@dataclass(frozen=True, eq=False)
class Variations:
    """All random choices for B crops, whatever their samples."""

    placements: Placements
    replicate: Bools
    """(B,): True if the photo's edge pixels are repeated beyond it; otherwise it is black there."""
    mirrored: Bools
    """(B,)"""
    perturbations: Perturbations

    def part(self, chosen: slice) -> "Variations":
        """The variations of the crops at these indices."""
        return Variations(
            Placements(*(values[chosen] for values in self.placements)),
            self.replicate[chosen],
            self.mirrored[chosen],
            self.perturbations.part(chosen),
        )


class Labels(NamedTuple):
    """Labels of B crops, in their pixels."""

    points: Floats
    """(B, 66, 3); z has zero mean."""
    weight_xy: Floats
    """(B, 66)"""
    weight_z: Floats
    """(B, 66)"""
    visible: Floats
    """(B, 66)"""
    weight_visible: Floats
    """(B, 66)"""


@dataclass(frozen=True, eq=False)
class Views:
    """B crops of samples, whose pixels are not made yet."""

    samples: Sequence[Sample]
    size: int
    """Height and width S of the crops."""
    center: npt.NDArray[np.float64]
    """(B, 2), as all of these in pixels of the photos."""
    side: npt.NDArray[np.float64]
    """(B,)"""
    variations: Variations
    labels: Labels

    def __len__(self) -> int:
        return len(self.samples)

    def crop(self, index: int) -> Crop:
        """The square that view ``index`` shows, before it is mirrored."""
        x, y = self.center[index]
        angle = self.variations.placements.angle[index]
        return Crop(float(x), float(y), float(self.side[index]), self.size, float(angle))

    def to_photos(self) -> npt.NDArray[np.float64]:
        """(B, 2, 3): from pixels (x, y) of the crops, before they are mirrored, to those of the photos."""
        angle, scale = self.variations.placements.angle, self.side / self.size
        return _to_photos(self.center, angle, scale, self.size)


def sample_variations(
    count: int,
    generator: np.random.Generator,
    *,
    size: int,
    geometric: CropVariation,
    photometric: Photometric,
) -> Variations:
    """Draws the variations of ``count`` crops of ``size`` x ``size`` pixels, independent of any sample."""
    return Variations(
        geometric.sample(count, generator),
        generator.random(count) >= 0.5,
        (generator.random(count) < 0.5) & geometric.mirror,
        sample_perturbations(count, size, generator, photometric),
    )


def varied_views(samples: Sequence[Sample], variations: Variations, *, size: int, crop_scale: float) -> Views:
    """The views of B >= 1 samples with ``variations``, and their labels."""
    points = np.stack([sample.points for sample in samples]).astype(np.float64)
    angle, shift, scale = variations.placements
    center, side = _squares(points, angle, shift)
    side = side * crop_scale * scale
    matrices = _to_photos(center, angle, side / size, size)
    points_crop = np.empty(points.shape, dtype=np.float32)
    inverse = np.linalg.inv(matrices[:, :, :2])
    points_crop[..., :2] = (points[..., :2] - matrices[:, None, :, 2]) @ np.swapaxes(inverse, 1, 2)
    points_crop[..., 2] = points[..., 2] * (size / side)[:, None]
    labels = Labels(
        points_crop,
        *(
            np.stack([getattr(sample, name) for sample in samples])
            for name in ("weight_xy", "weight_z", "visible", "weight_visible")
        ),
    )
    labels = _hidden(_mirrored(labels, variations.mirrored, size), variations.perturbations)
    return Views(samples, size, center, side, variations, labels)


def show(views: Views, index: int) -> Pixels:
    """(S, S, 3): the pixels of view ``index``."""
    variations = views.variations
    border = cv2.BORDER_REPLICATE if variations.replicate[index] else cv2.BORDER_CONSTANT
    pixels = views.crop(index).sample(views.samples[index].image, border=border)
    if variations.mirrored[index]:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    return perturb(pixels, variations.perturbations, index)


def upright_crop(
    points: npt.NDArray[np.floating],
    *,
    size: int,
    crop_scale: float,
    angle: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
) -> Crop:
    """The crop of a detector around these points, in the photo turned by ``angle`` radians.

    ``shift`` (in fractions of the box's side) and ``scale`` are the detector's error.
    """
    center, side = _squares(
        np.asarray(points, dtype=np.float64)[None], np.array([angle]), np.array([shift], dtype=np.float64)
    )
    x, y = center[0]
    return Crop(float(x), float(y), float(side[0] * crop_scale * scale), size, angle)


def mirror_points(points: npt.NDArray[np.float32], *, width: int) -> npt.NDArray[np.float32]:
    """Points (..., 66, 2 or 3) of a picture of ``width`` px, mirrored; the function is its own inverse."""
    mirrored: npt.NDArray[np.float32] = points[..., MIRROR, :]
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored


def _squares(
    points: npt.NDArray[np.float64], angle: npt.NDArray[np.float64], shift: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Centers (B, 2), shifted, and longer sides (B,) of the boxes of points in photos turned by ``angle``."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turns = np.stack([np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)], axis=1)
    boxes = box_around(points[..., :2] @ turns).astype(np.float64)
    low, high = boxes[:, :2], boxes[:, 2:]
    side = (high - low).max(axis=1)
    centers = (low + high) / 2 + shift * side[:, None]
    return np.einsum("bij,bj->bi", turns, centers), side


def _to_photos(
    center: npt.NDArray[np.float64],
    angle: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
    size: int,
) -> npt.NDArray[np.float64]:
    cosine, sine, middle = np.cos(angle) * scale, np.sin(angle) * scale, (size - 1) / 2
    x, y = center.T
    rows = [
        [cosine, -sine, x - (cosine - sine) * middle],
        [sine, cosine, y - (sine + cosine) * middle],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _mirrored(labels: Labels, mirrored: Bools, size: int) -> Labels:
    points = np.where(mirrored[:, None, None], mirror_points(labels.points, width=size), labels.points)
    others = (np.where(mirrored[:, None], values[:, MIRROR], values) for values in labels[1:])
    return Labels(points, *others)


def _hidden(labels: Labels, drawn: Perturbations) -> Labels:
    """Marks landmarks under a patch as known not to be visible."""
    hidden = covered(labels.points[..., :2], drawn)
    return labels._replace(
        visible=np.where(hidden, np.float32(0), labels.visible),
        weight_visible=np.where(hidden, np.float32(1), labels.weight_visible),
    )
