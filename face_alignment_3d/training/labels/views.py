"""Several crops of the same faces, which differ like those of a detector with its errors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, rescale
from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade, CascadeGeometry
from face_alignment_3d.training.data.augment import upright_crop
from face_alignment_3d.training.engine.inference import predict

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CropView:
    """One way to crop a face."""

    mirrored: bool = False
    degrees: float = 0.0
    """In-plane turn of the crop, clockwise as seen on screen."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Shift of the box, in fractions of its longer side: right, down."""
    scale: float = 1.0
    """Scale of the box's side."""


#: For labels that are made once: as many mirrored as not, and errors that cancel in the mean.
_EIGHT_VIEWS: Final = (
    CropView(),
    CropView(True),
    CropView(False, -12.0, (-0.03, 0.03), 1.06),
    CropView(True, 12.0, (0.04, -0.03), 0.94),
    CropView(False, 8.0, (0.03, 0.02), 0.92),
    CropView(True, -8.0, (-0.04, -0.02), 1.10),
    CropView(False, 0.0, (-0.02, -0.04), 1.03),
    CropView(True, 5.0, (0.02, 0.04), 0.97),
)
_MOST_VIEWS: Final = 64


def ensemble_views(count: int = len(_EIGHT_VIEWS)) -> tuple[CropView, ...]:
    """``count`` views, always the same ones: eight chosen ones, then random ones, every other one mirrored.

    Raises :class:`DataError` unless ``count`` is from 2 to 64: a single view has no spread.
    """
    if not 2 <= count <= _MOST_VIEWS:
        raise DataError(f"expected 2 to {_MOST_VIEWS} views, so that they can disagree; got {count}")
    generator = np.random.default_rng(0)
    views = list(_EIGHT_VIEWS[:count])
    while len(views) < count:
        degrees, x, y, log_scale = (float(v) for v in generator.uniform(-1, 1, 4))
        shift = (0.04 * x, 0.04 * y)
        views.append(CropView(len(views) % 2 == 1, 12.0 * degrees, shift, float(np.exp(0.09 * log_scale))))
    return tuple(views)


def predict_view(
    cascade: Cascade,
    view: CropView,
    points: Floats,
    images: Sequence[npt.NDArray[np.uint8]],
    scales: Floats,
) -> Floats:
    """The predictions of ``cascade`` for N faces in one view: (N, 66, 3) in the pixels of ``points``.

    ``points`` (N, 66, 3) say where the faces are; ``images`` are the photos shrunk by ``scales`` (N,) of
    what those pixels refer to.
    """
    shrunk = [scaled(face, float(factor)) for face, factor in zip(points, scales, strict=True)]
    crops = view_crops(shrunk, view, cascade.geometry)
    found = predict(cascade, images, crops, mirrored=view.mirrored)
    if not len(found):
        return found
    return np.stack([scaled(face, 1 / float(factor)) for face, factor in zip(found, scales, strict=True)])


def view_crops(points: Iterable[Floats], view: CropView, geometry: CascadeGeometry) -> list[Crop]:
    """The crops of a view of faces with ``points`` (66, 3) each, for a cascade of that ``geometry``."""
    return [
        upright_crop(
            face,
            size=geometry.input_size,
            crop_scale=geometry.crop_scale,
            angle=float(np.deg2rad(view.degrees)),
            shift=view.shift,
            scale=view.scale,
        )
        for face in points
    ]


def scaled(points: Floats, factor: float) -> Floats:
    """Points (..., 2 or 3) in a photo resized by ``factor``; a new array."""
    resized: Floats = points * np.float32(factor)
    resized[..., :2] = rescale(points[..., :2], factor)
    return resized
