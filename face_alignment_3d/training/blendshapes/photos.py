"""The landmark network's points on photos that people have labelled by hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.aligner import FaceAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED, HOLDOUT_EVERY
from face_alignment_3d.training.data.datasets.photos68 import open_photos68

_BATCH: Final = 32


@dataclass(frozen=True, eq=False)
class PhotoLandmarks:
    """N photos, one face each."""

    paths: tuple[Path, ...]
    landmarks: npt.NDArray[np.float64]
    """(N, 66, 3): the network's, in pixels."""
    hand: npt.NDArray[np.float64]
    """(N, 66, 2): hand-made, in pixels."""

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> "PhotoLandmarks":
        paths = tuple(path for path, is_chosen in zip(self.paths, chosen, strict=True) if is_chosen)
        return PhotoLandmarks(paths, self.landmarks[chosen], self.hand[chosen])


@dataclass(frozen=True, eq=False)
class Photos:
    """The hand-labelled photos, split as for the training of the landmark network."""

    training: PhotoLandmarks
    held_out: PhotoLandmarks


def read_photos(data: Path, aligner: FaceAligner3D) -> Photos:
    """Runs ``aligner`` on the photos below ``data``/photos68, in boxes around the hand-made points.

    Raises :class:`DataError` when they are not there.
    """
    paths: list[Path] = []
    landmarks, hand = [], []
    for name in HAND_LABELLED:
        photos = open_photos68(data, name)
        points = photos.points68[:, FROM_68]
        paths += [photos.directory / f"{stem}.jpg" for stem in photos.names]
        hand.append(points)
        for start in range(0, len(points), _BATCH):
            indices = range(start, min(start + _BATCH, len(points)))
            found = aligner.detect_batch(
                [photos.image(i) for i in indices], boxes=[box_around(points[i])[None] for i in indices]
            )
            landmarks += [faces[0].landmarks for faces in found]
    everything = PhotoLandmarks(
        tuple(paths), np.stack(landmarks).astype(np.float64), np.concatenate(hand).astype(np.float64)
    )
    is_held_out = np.arange(len(paths)) % HOLDOUT_EVERY == 0
    return Photos(everything[~is_held_out], everything[is_held_out])
