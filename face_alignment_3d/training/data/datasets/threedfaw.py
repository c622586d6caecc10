"""3DFAW as the challenge distributed it (Jeni et al., "The First 3D Face Alignment in the Wild Challenge").

Layout: ``train_img/<id>.jpg`` with ``train_lm/<id>_lm.csv``, and ``valid_img/`` with ``valid_lm/``
likewise. A label file has 66 lines ``x,y,z`` and no header, in the library's 66-point markup.

Frame of the files: x right and y down in pixels of the photo; z in the same unit, from an arbitrary origin,
its sign undocumented. Here z is centered over the 66 points and turned so that it grows away from the
camera; which sign the files have is found by comparing noses with jaws. Where the files' pixels start is
undocumented as well: x and y are taken as they are, so they may be off by up to one pixel.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.training.data.datasets.coordinate_lines import parse_coordinates, read_lines
from face_alignment_3d.training.data.datasets.pairs import PHOTO_SUFFIXES, files_by_name, require_pairs
from face_alignment_3d.training.data.sample import Sample

#: So many files, spread over the set, decide on the sign of z.
_VOTERS: Final = 400
#: The least that must be left of the votes when those for the other sign are taken off.
_MIN_AGREEMENT: Final = 0.6
_NOSE_TIP: Final = 30
_JAW_ENDS: Final = (0, 16)


@dataclass(frozen=True, eq=False)
class ThreeDFaw:
    """The index of one split."""

    directory: Path
    split: str
    names: tuple[str, ...]
    z_sign: int
    """The factor, 1 or -1, that makes z of the files grow away from the camera; the same for all."""
    photos: tuple[Path, ...]
    labels: tuple[Path, ...]
    first_line: int | None = 1

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ImageError, which names the file."""
        return as_rgb(self.photos[index])

    def files(self, index: int) -> tuple[Path, ...]:
        """The label file and the photo."""
        return self.labels[index], self.photos[index]

    def points(self, index: int) -> npt.NDArray[np.float32]:
        """(66, 3) pixels of the photo in the library's frame. Raises DataError: file, line, what is wrong."""
        points = read_points(self.labels[index])
        points[:, 2] = self.z_sign * (points[:, 2] - points[:, 2].mean())
        return points.astype(np.float32)

    def sample(self, index: int) -> Sample:
        """The photo with its labels, all with weight 1."""
        ones = np.ones(NUM_LANDMARKS, dtype=np.float32)
        name = f"3dfaw/{self.split}/{self.names[index]}"
        return Sample(name, self.image(index), self.points(index), ones, ones)


def open_threedfaw(directory: Path, *, split: Literal["train", "valid"] = "train") -> ThreeDFaw:
    """Opens one split of the set in ``directory`` and finds the sign of its z.

    Raises DataError when a folder, a photo or a label file is missing, when one of the label files that
    decide on the sign is broken, and when these contradict each other.
    """
    labels = files_by_name(directory / f"{split}_lm", {".csv"}, ending="_lm")
    photos = files_by_name(directory / f"{split}_img", PHOTO_SUFFIXES)
    require_pairs(photos, labels, directory)
    names = tuple(labels)
    voters = np.unique(np.linspace(0, len(names) - 1, min(len(names), _VOTERS)).round().astype(int))
    points = np.stack([read_points(labels[names[i]]) for i in voters])
    try:
        sign = find_z_sign(points)
    except DataError as error:
        raise DataError(f"{directory / f'{split}_lm'}: {error}") from error
    return ThreeDFaw(
        directory, split, names, sign, tuple(photos[name] for name in names), tuple(labels.values())
    )


def read_points(path: Path) -> npt.NDArray[np.float64]:
    """The lines ``x,y,z`` of a file as they are: (66, 3). Raises DataError: file, line, what is wrong."""
    lines = read_lines(path)
    if len(lines) != NUM_LANDMARKS:
        raise DataError(
            f"expected {NUM_LANDMARKS} lines 'x,y,z' in {path}, got {len(lines)}; get the file again, or "
            "remove it and its photo"
        )
    return parse_coordinates(path, lines, count=3, separator=",")


def find_z_sign(points: npt.NDArray[np.float64]) -> int:
    """1 where z of faces (N, 66, 3) grows away from the camera, -1 where it grows towards it.

    The tip of the nose is nearer to the camera than the ends of the jaw, by half the width of a face or so
    seen from the front and less the more the head is turned: each face votes with that difference over its
    spread.

    Raises DataError when the votes nearly cancel, for then there is no one sign.
    """
    depth = points[:, _JAW_ENDS, 2].mean(axis=1) - points[:, _NOSE_TIP, 2]
    spread = points[..., :2].std(axis=1).mean(axis=1)
    votes = depth / np.maximum(spread, 1e-9)
    total = float(np.abs(votes).sum())
    if abs(float(votes.sum())) <= _MIN_AGREEMENT * total:
        raise DataError(
            "expected noses on the same side of the jaws in z in all label files; got "
            f"{int((votes > 0).sum())} with a smaller and {int((votes < 0).sum())} with a larger z, of "
            f"{len(votes)}: the files mix conventions or have no depth, so give every file the same one"
        )
    return 1 if votes.sum() > 0 else -1
