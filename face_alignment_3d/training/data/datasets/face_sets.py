"""The faces that labels are fused for, and the points that each data set has of them.

All arrays of a set are in pixels of its stored photos, x right, y down, z away from the camera.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.archives import read_arrays, require_files, require_shape
from face_alignment_3d.training.data.datasets.photos68 import open_photos68

Floats = npt.NDArray[np.float64]

_FIXED_POINT: Final = 32.0
_NONE: Final = -32768

#: AFLW's points as means of the 68: brows, eyes and their centers, ear, nose, ear, mouth, chin.
_AFLW_PICKS: Final[tuple[tuple[int, ...], ...]] = (
    (17,), (19,), (21,), (22,), (24,), (26,),
    (36,), (36, 37, 38, 39, 40, 41), (39,), (42,), (42, 43, 44, 45, 46, 47), (45,),
    (), (31,), (30,), (35,), (),
    (48,), (62, 66), (54,), (8,),
)  # fmt: skip
_AFLW_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "points21_x32": (21, 2),
    "tddfa68_x32": (68, 3),
    "merl68_x32": (68, 2),
    "merl_state": (68,),
}
AFLW_MIRROR: Final = np.array([5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 16, 15, 14, 13, 12, 19, 18, 17, 20])

#: One of so many hand-labelled photos is kept for validation, and never trained on.
HOLDOUT_EVERY: Final = 12
#: Hand-labelled sets to train on. AFW is left for evaluation and must never be listed here.
HAND_LABELLED: Final = ("helen_train", "lfpw_train")
#: Sets whose labels no training may read.
EVALUATION_ONLY: Final = frozenset({"afw", "aflw_dev", "aflw2000_dev"})
AFLW_SET: Final = "aflw"
TEACHER_LABELLED: Final = "faces"

#: States of a point in MERL-RAV: there is none, for the head itself hides it; it is seen; something hides it.
SELF_OCCLUDED, SEEN, OCCLUDED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class FaceSet:
    """N faces of one data set, each in a photo of its own, and the points that are known of them."""

    name: str
    files: tuple[Path, ...]
    predicted: Floats
    """(N, 68, 3): 3DDFA_V2's points."""
    ibug68: Floats | None = None
    """(N, 68, 2): hand-made points in iBUG's markup. The jaw is the visible outline."""
    merl68: Floats | None = None
    """(N, 68, 2): hand-made points of MERL-RAV, NaN where there is none; placed up to a scale and a shift."""
    merl_state: npt.NDArray[np.uint8] | None = None
    """(N, 68): see :data:`SEEN`."""
    aflw21: Floats | None = None
    """(N, 21, 2): AFLW's own hand-made points, NaN where there is none."""

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        return as_rgb(self.files[index])

    def digests(self) -> tuple[str, ...]:
        """The first 16 digits of each photo file's SHA-256: labels are for these photos and no others."""
        with ThreadPoolExecutor() as executor:
            return tuple(executor.map(photo_digest, self.files))

    def subset(self, chosen: npt.NDArray[np.intp]) -> "FaceSet":
        """The faces at these indices."""

        def of(values: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
            return None if values is None else values[chosen]

        return FaceSet(
            self.name,
            tuple(self.files[index] for index in chosen),
            self.predicted[chosen],
            of(self.ibug68),
            of(self.merl68),
            of(self.merl_state),
            of(self.aflw21),
        )


def photo_digest(file: Path) -> str:
    """The first 16 digits of a file's SHA-256, by which labels know their photos."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def aflw_picks() -> Floats:
    """(21, 68): AFLW's points as means of the 68 points; rows of zeros for the ears."""
    picks = np.zeros((len(_AFLW_PICKS), 68))
    for row, columns in enumerate(_AFLW_PICKS):
        picks[row, list(columns)] = 1 / max(1, len(columns))
    return picks


def open_training_sets(data: Path) -> list[FaceSet]:
    """All faces below ``data`` that may be trained on."""
    hand_labelled = [open_hand_labelled(data, name) for name in HAND_LABELLED]
    return [*hand_labelled, open_aflw(data), open_teacher_labelled(data)]


def open_aflw(data: Path) -> FaceSet:
    """The training faces of AFLW (``faces/aflw.npz``), those with MERL-RAV's points among them."""
    directory = data / "faces" / AFLW_SET
    path = directory.with_suffix(".npz")
    arrays = read_arrays(path, ["names", *_AFLW_SHAPES])
    files = [f"{name}.webp" for name in arrays["names"]]
    for key, shape in _AFLW_SHAPES.items():
        require_shape(path, key, arrays[key], (len(files), *shape))
    require_files(directory, files, index=path)
    return FaceSet(
        directory.name,
        tuple(directory / file for file in files),
        _pixels(arrays["tddfa68_x32"]),
        merl68=_pixels(arrays["merl68_x32"]),
        merl_state=arrays["merl_state"],
        aflw21=_pixels(arrays["points21_x32"]),
    )


def open_hand_labelled(data: Path, name: str) -> FaceSet:
    """``photos68/<name>`` with 3DDFA_V2's points from ``photos68/teachers.npz``."""
    photos = open_photos68(data, name)
    path = data / "photos68" / "teachers.npz"
    arrays = read_arrays(path, [f"{name}_names", f"{name}_tddfa68_x32"])
    predicted = arrays[f"{name}_tddfa68_x32"]
    require_shape(path, f"{name}_tddfa68_x32", predicted, (None, 68, 3))
    place = {str(stem): index for index, stem in enumerate(arrays[f"{name}_names"])}
    if missing := [stem for stem in photos.names if stem not in place]:
        raise DataError(
            f"expected 3DDFA_V2's points of every photo of {name} in {path}; there are none of "
            f"{len(missing)}, the first is {missing[0]}: get the file again"
        )
    return FaceSet(
        name,
        tuple(photos.directory / f"{stem}.jpg" for stem in photos.names),
        _pixels(predicted[[place[stem] for stem in photos.names]]),
        ibug68=photos.points68.astype(np.float64),
    )


def open_teacher_labelled(data: Path) -> FaceSet:
    """The faces without hand-made points (``faces/teachers.npz``)."""
    path = data / "faces" / "teachers.npz"
    arrays = read_arrays(path, ["names", "tddfa68_x32"])
    files = [str(name) for name in arrays["names"]]
    require_shape(path, "tddfa68_x32", arrays["tddfa68_x32"], (len(files), 68, 3))
    require_files(path.parent, files, index=path)
    return FaceSet(
        TEACHER_LABELLED, tuple(path.parent / file for file in files), _pixels(arrays["tddfa68_x32"])
    )


def _pixels(fixed_point: npt.NDArray[np.int16]) -> Floats:
    points = fixed_point.astype(np.float64) / _FIXED_POINT
    points[(fixed_point == _NONE).any(axis=-1)] = np.nan
    return points
