"""Labels with weights for faces that no hand has labelled, and their file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import rescale
from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.archives import read_arrays, require_shape, write_arrays

Floats = npt.NDArray[np.float32]


class Labels(NamedTuple):
    """Labels of N faces, in pixels of the stored photos.

    The frame is x right, y down, z away from the camera, centered.
    """

    points: Floats
    """(N, 66, 3)"""
    weight_xy: Floats
    """(N, 66): the weight of x and y; 1 is a careful hand, 0 is unknown."""
    weight_z: Floats
    """(N, 66): the weight of z, likewise."""


def save_labels(path: Path, labels: Labels) -> None:
    """Writes labels atomically as .npz."""
    write_arrays(path, labels._asdict())


def load_labels(path: Path, *, count: int, names: Sequence[str] | None = None) -> Labels:
    """Reads what :func:`save_labels` wrote for ``count`` faces; other arrays in the file are ignored.

    With ``names`` the file must also hold those, in that order, as pseudo-labels do. Raises
    :class:`DataError` for anything else.
    """
    arrays = read_arrays(path, Labels._fields if names is None else ("names", *Labels._fields))
    require_shape(path, "points", arrays["points"], (count, 66, 3))
    for name in ("weight_xy", "weight_z"):
        require_shape(path, name, arrays[name], (count, 66))
    if names is not None and [str(name) for name in arrays["names"]] != list(names):
        raise DataError(
            f"expected labels in {path} for the faces of the data folder, in their order; got those of other "
            "faces: make the labels again from this data folder"
        )
    return Labels(*(arrays[name] for name in Labels._fields))


def scaled(points: Floats, factor: float) -> Floats:
    """Points (..., 2 or 3) in a photo resized by ``factor``; a new array."""
    resized: Floats = points * np.float32(factor)
    resized[..., :2] = rescale(points[..., :2], factor)
    return resized
