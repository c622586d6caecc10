"""The hand-labelled sets that an evaluation can name."""

from pathlib import Path
from typing import Final

import numpy as np

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.config import LITE
from face_alignment_3d.training.data import HAND_LABELLED
from face_alignment_3d.training.datasets.photos68 import Photos68, open_photos68

#: The photos that training keeps for validation. Every choice is made on these, so that AFW stays unseen.
HOLDOUT: Final = "holdout"
DATASETS: Final = (HOLDOUT, "afw", *HAND_LABELLED)


def open_dataset(data: Path, name: str, *, limit: int | None = None) -> Photos68:
    """Opens one of ``DATASETS`` below ``data``; at most ``limit`` photos, spread evenly over the set.

    ``"holdout"`` is exactly what :func:`face_alignment_3d.training.data.load_training_data` keeps out of
    training. Raises :class:`DataError` for other names, a limit below 1, and data that are missing or broken.
    """
    if name not in DATASETS:
        raise DataError(f"expected one of the data sets {', '.join(DATASETS)}; got {name!r}")
    if limit is not None and limit < 1:
        raise DataError(f"expected a limit of at least 1 photo; got {limit}")
    photos = _holdout(data) if name == HOLDOUT else open_photos68(data, name)
    if limit is None or limit >= len(photos.names):
        return photos
    chosen = np.arange(limit) * len(photos.names) // limit
    return Photos68(photos.directory, tuple(photos.names[i] for i in chosen), photos.points68[chosen])


def _holdout(data: Path) -> Photos68:
    sets = [open_photos68(data, name) for name in HAND_LABELLED]
    every = slice(None, None, LITE.holdout_every)
    names = [f"{photos.directory.name}/{name}" for photos in sets for name in photos.names]
    points68 = np.concatenate([photos.points68 for photos in sets])
    return Photos68(data / "photos68", tuple(names[every]), points68[every])
