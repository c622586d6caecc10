"""Photos with iBUG ``.pts`` files: 300-W and the sets it is made of (Sagonas et al., 2013 and 2016).

Layout: anywhere below one folder, ``<name>.jpg`` or ``.png`` with ``<name>.pts`` beside it. A ``.pts`` file
is text::

    version: 1
    n_points: 68
    {
    446.000 91.000
    (one line "x y" for each further point)
    }

Frame of the files: MATLAB's pixels, in which the center of the top-left one is (1, 1); x right, y down.
Here 1 is taken off both. The points are placed by hand in the 68-point markup; the jaw follows the visible
outline, so on a turned head it is not the 3D jaw line. There is no z: it comes from lifting.

Photos in a folder called ``afw`` are left out unless asked for: this project's weights are evaluated on them.
"""

import dataclasses
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.datasets.coordinate_lines import parse_coordinates, read_lines
from face_alignment_3d.training.data.datasets.face_sets import EVALUATION_ONLY
from face_alignment_3d.training.data.datasets.pairs import PHOTO_SUFFIXES, files_by_name, require_pairs
from face_alignment_3d.training.data.datasets.photos68 import Photos68, make_samples
from face_alignment_3d.training.data.datasets.plausible import require_plausible
from face_alignment_3d.training.data.face_model import FaceModel
from face_alignment_3d.training.data.lifting import Lifted, lift
from face_alignment_3d.training.data.sample import Sample


@dataclass(frozen=True, eq=False)
class IbugPhotos(Photos68):
    """The index of a folder: all 2D labels, and their lifted 3D labels; no images yet.

    It is a :class:`Photos68`, so whatever takes one (lifting, evaluation) takes this too.
    """

    photos: tuple[Path, ...]
    lifted: Lifted | None
    """The fits to ``points68``; None when it was opened without a model."""
    first_line: int | None = 4

    def files(self, index: int) -> tuple[Path, ...]:
        """The ``.pts`` file and the photo."""
        return self.directory / f"{self.names[index]}.pts", self.photos[index]

    def points(self, index: int) -> npt.NDArray[np.float32]:
        """(68, 2) in pixels of the photo."""
        points: npt.NDArray[np.float32] = self.points68[index]
        return points

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ImageError, which names the file."""
        return as_rgb(self.photos[index])

    def sample(self, index: int) -> Sample:
        """The photo with its labels, weighted as :func:`make_samples` does.

        Without lifting, z has weight 0, and the jaw, which may be that of a turned head, half the weight.
        """
        one = slice(index, index + 1)
        alone = dataclasses.replace(
            self, names=self.names[one], points68=self.points68[one], photos=self.photos[one], lifted=None
        )
        lifted = _not_lifted(alone.points68) if self.lifted is None else _only(self.lifted, one)
        return make_samples(alone, lifted, face_size=sys.maxsize)[0]


def open_ibug_pts(
    directory: Path, *, model: FaceModel | None = None, leave_out: Collection[str] = EVALUATION_ONLY
) -> IbugPhotos:
    """Opens all photos below ``directory``, reads their ``.pts`` files, and lifts them with ``model``.

    Lifting takes about 5 seconds for 1,000 faces on two cores; without a model z is unknown. ``leave_out``
    are names of folders, in whatever case, whose photos are not taken; ``directory`` itself counts.

    Raises DataError when the folder, a photo or a ``.pts`` file is missing, a ``.pts`` file is broken (it
    names file and line) or its points cannot be those of a face, or nothing is left.
    """
    labels = files_by_name(directory, {".pts"}, recursive=True)
    photos = files_by_name(directory, PHOTO_SUFFIXES, recursive=True)
    require_pairs(photos, labels, directory)
    unwanted = {name.lower() for name in leave_out}
    root = directory.resolve().name
    names = tuple(name for name in labels if unwanted.isdisjoint(f"{root}/{name}".lower().split("/")[:-1]))
    if not names:
        raise DataError(
            f"expected photos to train on below {directory}; got only such as lie in a folder called "
            f"{' or '.join(sorted(unwanted))}, which are for evaluation: give another folder"
        )
    points68 = np.stack([read_pts(labels[name]) for name in names]).astype(np.float32)
    for name, points in zip(names, points68, strict=True):
        require_plausible(points, labels[name], first_line=4)
    lifted = None if model is None else lift(points68, model)
    return IbugPhotos(directory, names, points68, tuple(photos[name] for name in names), lifted)


def read_pts(path: Path) -> npt.NDArray[np.float64]:
    """A file's points: (68, 2) in the library's pixels. Raises DataError: file, line, what is wrong."""
    lines = read_lines(path)
    for number, expected in enumerate(("version: 1", "n_points: 68", "{"), start=1):
        got = lines[number - 1] if len(lines) >= number else ""
        if "".join(got.split()) != "".join(expected.split()):
            raise DataError(
                f"expected '{expected}' in {path}, line {number}; got {got!r}: only files of the 68-point "
                "markup can be read, so repair the file, or remove it and its photo"
            )
    if lines[-1] != "}" or len(lines) != 72:
        raise DataError(
            f"expected 68 lines 'x y' and then '}}' from line 4 to line 72 of {path}; got {len(lines)} "
            f"lines, the last {lines[-1]!r}: get the file again, or remove it and its photo"
        )
    return parse_coordinates(path, lines[3:71], count=2, first_line=4) - 1.0


def _only(lifted: Lifted, one: slice) -> Lifted:
    return Lifted(lifted.points[one], lifted.yaw[one], lifted.residual[one], lifted.far_jaw[one])


def _not_lifted(points68: npt.NDArray[np.float32]) -> Lifted:
    count = len(points68)
    flat = np.concatenate([points68, np.zeros((count, 68, 1))], axis=-1)
    return Lifted(flat, np.full(count, np.nan), np.full(count, np.inf), np.zeros((count, 17), dtype=bool))
