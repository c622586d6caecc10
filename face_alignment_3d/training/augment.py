"""From a sample to what the network sees: a random crop whose labels turn, scale and mirror with it."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.training.photometric import Photometric, disturb
from face_alignment_3d.training.sample import Sample


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


@dataclass(frozen=True, eq=False)
class Example:
    """One training example; labels in crop pixels."""

    crop: npt.NDArray[np.uint8]
    """(S, S, 3) RGB"""
    points: npt.NDArray[np.float32]
    """(66, 3); z has zero mean."""
    weight_xy: npt.NDArray[np.float32]
    weight_z: npt.NDArray[np.float32]


def upright_crop(
    points: npt.NDArray[np.floating],
    *,
    size: int,
    extension: float,
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
    return Crop(float(center[0]), float(center[1]), float(side * extension * scale), size, angle)


def augment(
    sample: Sample,
    generator: np.random.Generator,
    *,
    size: int,
    extension: float,
    geometric: Geometric,
    photometric: Photometric,
) -> Example:
    """A random view of a sample."""
    if generator.random() < geometric.wide_roll_share:
        degrees = generator.uniform(-geometric.wide_roll, geometric.wide_roll)
    else:
        degrees = generator.normal(0.0, geometric.roll)
    shift_x, shift_y = np.clip(generator.normal(0.0, geometric.shift, 2), -0.2, 0.2)
    crop = upright_crop(
        sample.points,
        size=size,
        extension=extension,
        angle=float(np.deg2rad(degrees)),
        shift=(float(shift_x), float(shift_y)),
        scale=float(np.exp(np.clip(generator.normal(0.0, geometric.scale), -0.3, 0.3))),
    )
    border = cv2.BORDER_CONSTANT if generator.random() < 0.5 else cv2.BORDER_REPLICATE
    pixels = crop.sample(sample.image, border=border)
    points = crop.to_crop(sample.points).astype(np.float32)
    weight_xy, weight_z = sample.weight_xy, sample.weight_z
    if geometric.mirror and generator.random() < 0.5:
        pixels, points = mirror(pixels, points)
        weight_xy, weight_z = weight_xy[MIRROR], weight_z[MIRROR]
    return Example(disturb(pixels, generator, photometric), points, weight_xy, weight_z)


def mirror(
    crop: npt.NDArray[np.uint8], points: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Mirrors a crop (S, S, 3) and its points (66, 2 or 3), and puts the points back in markup order."""
    return np.ascontiguousarray(crop[:, ::-1]), mirror_points(points, width=crop.shape[1])


def mirror_points(points: npt.NDArray[np.float32], *, width: int) -> npt.NDArray[np.float32]:
    """Points (..., 66, 2 or 3) as the mirror image of a picture of ``width`` px has them; its own inverse."""
    mirrored: npt.NDArray[np.float32] = points[..., MIRROR, :]
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored
