"""Labels for the faces that only teachers have labelled: first the teachers', later the network's own.

The network's own label is the mean over views (mirrored, shifted, scaled, turned); where the views agree with
each other and with the teachers it is kept, where only the teachers agree theirs are, the rest is left out.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.crop import box_around, rescale
from face_alignment_3d.markup import INNER
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.archives import read_arrays, require_shape
from face_alignment_3d.training.augment import upright_crop
from face_alignment_3d.training.datasets.teachers import TaughtFaces
from face_alignment_3d.training.inference import predict

Floats = npt.NDArray[np.float32]


class Labels(NamedTuple):
    """Labels of N faces, in pixels of the stored photos."""

    points: Floats
    """(N, 66, 3)"""
    weight_xy: Floats
    """(N, 66)"""
    weight_z: Floats
    """(N, 66)"""


# (mirrored, turn in degrees, shift x, shift y, scale): errors that a detector and a head's pose bring about.
_VIEWS = (
    (False, 0.0, 0.0, 0.0, 1.0),
    (True, -10.0, -0.03, 0.03, 1.05),
    (True, 10.0, 0.04, -0.03, 0.95),
)
_TEACHER_XY, _TEACHER_Z = 0.3, 0.5
_OWN_XY, _OWN_Z = 0.7, 0.5
_MAX_SPREAD = 0.022
_NEAR_YAW, _FAR_YAW = 35.0, 65.0


def teacher_labels(faces: TaughtFaces) -> Labels:
    """3DDFA_V2's points, with weights of zero where the teachers disagree."""
    agree = faces.teachers_agree().astype(np.float32)[:, None]
    ones = np.ones((1, faces.tddfa.shape[1]), dtype=np.float32)
    return Labels(faces.tddfa, _TEACHER_XY * agree * ones, _TEACHER_Z * agree * ones)


def own_labels(
    cascade: Cascade,
    faces: TaughtFaces,
    images: Sequence[npt.NDArray[np.uint8]],
    scales: Floats,
    *,
    bf16: bool,
) -> Labels:
    """Labels from the cascade's averaged views and the teachers.

    ``images`` are the photos shrunk by ``scales`` (N,) of what the teachers' pixels refer to; points come
    back in the teachers' pixels.
    """
    geometry = cascade.geometry
    views = []
    for mirrored, degrees, shift_x, shift_y, scale in _VIEWS:
        crops = [
            upright_crop(
                scaled(points, factor),
                size=geometry.input_size,
                extension=geometry.crop_extension,
                angle=float(np.deg2rad(degrees)),
                shift=(shift_x, shift_y),
                scale=scale,
            )
            for points, factor in zip(faces.tddfa, scales, strict=True)
        ]
        points = predict(cascade, images, crops, mirrored=mirrored, bf16=bf16)
        views.append(np.stack([scaled(p, 1 / f) for p, f in zip(points, scales, strict=True)]))
    return merge(np.stack(views), faces)


def merge(views: Floats, faces: TaughtFaces) -> Labels:
    """Joins (V, N, 66, 3) predictions with the teachers'."""
    own = views.mean(axis=0)
    boxes = box_around(faces.tddfa)
    size = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))[:, None]
    spread = np.linalg.norm(views - own, axis=-1).mean(axis=0) / size
    difference = np.linalg.norm(own[..., :2] - faces.tddfa[..., :2], axis=-1) / size
    steady = spread[:, INNER].mean(axis=1) < _MAX_SPREAD
    turned = np.abs(faces.yaw)
    near_teacher = difference[:, INNER].mean(axis=1) < np.where(turned > 50, 0.08, 0.055)
    kept = steady & near_teacher

    # Near the front the own inner points are the sharpest; towards profile the teacher has seen more.
    trust = np.clip((_FAR_YAW - turned) / (_FAR_YAW - _NEAR_YAW), 0.5, 1.0)[:, None, None]
    share = np.repeat(trust, own.shape[1], axis=1).astype(np.float32)
    share[:, :17] = 0.5
    blended = share * own + (1 - share) * faces.tddfa
    blended[..., 2] = 0.5 * own[..., 2] + 0.5 * faces.tddfa[..., 2]

    taught, taught_xy, taught_z = teacher_labels(faces)
    unsure = np.clip(spread / _MAX_SPREAD, 0.0, 1.0)
    points = np.where(kept[:, None, None], blended, taught)
    weight_xy = np.where(kept[:, None], _OWN_XY * (1 - 0.6 * unsure), taught_xy)
    weight_z = np.where(kept[:, None], _OWN_Z, taught_z)
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    return Labels(points.astype(np.float32), weight_xy.astype(np.float32), weight_z.astype(np.float32))


def save_labels(path: Path, labels: Labels) -> None:
    """Writes labels atomically as .npz."""
    content = io.BytesIO()
    np.savez(content, **labels._asdict())
    write_atomically(path, content.getvalue())


def load_labels(path: Path, *, count: int) -> Labels:
    """Reads what :func:`save_labels` wrote for ``count`` faces; raises DataError for anything else."""
    arrays = read_arrays(path, Labels._fields)
    require_shape(path, "points", arrays["points"], (count, 66, 3))
    for name in ("weight_xy", "weight_z"):
        require_shape(path, name, arrays[name], (count, 66))
    return Labels(**arrays)


def scaled(points: Floats, factor: float) -> Floats:
    """Points in a photo resized by ``factor``."""
    resized: Floats = points * np.float32(factor)
    resized[..., :2] = rescale(points[..., :2], factor)
    return resized
