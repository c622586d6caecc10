"""300W-LP (Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", CVPR 2016).

Photos of 300-W, turned out of plane up to profile by warping.

Layout: ``AFW/``, ``HELEN/``, ``IBUG/``, ``LFPW/`` with ``<name>.jpg`` of 450 x 450 px and ``<name>.mat``
beside it, each of them mirrored once more in ``<set>_Flip/``; ``landmarks/<set>/<name>_pts.mat`` for the
four that are not mirrored. ``landmarks/`` is the index here; training mirrors by itself.

- ``_pts.mat``: ``pts_3d`` (68, 2), x and y of the Basel model's own points in the turned photo, jaw line in
  3D. It also has ``pts_2d``, whose jaw follows the visible outline.
- ``<name>.mat``: ``Pose_Para`` (1, 7): pitch, yaw, roll in radians, translation in x, y, z, scale. Its
  ``pt2d`` are the points before the photo was turned, so they are not used, nor are its coefficients, which
  belong to a basis of another scaling than the one that this library reads.

Frame of the files: MATLAB's pixels, in which the center of the top-left one is (1, 1); x right, y down. The
angles are those of a frame with y up and z towards the viewer. Here 1 is taken off x and y. There is no z:
it comes from fitting the face model to the points, starting from the angles (see
:func:`face_alignment_3d.training.data.datasets.posed_depth.fit_depth`).

``AFW`` holds turned copies of the photos that this project's weights are evaluated on, so it is left out
unless asked for. ``HELEN`` and ``LFPW`` hold turned copies of the photos that training holds out for
validation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import FROM_68, NUM_LANDMARKS
from face_alignment_3d.training.data.datasets.matlab import read_mat
from face_alignment_3d.training.data.datasets.pairs import PHOTO_SUFFIXES, files_by_name, require_pairs
from face_alignment_3d.training.data.datasets.posed_depth import fit_depth
from face_alignment_3d.training.data.face_model import FaceModel, Floats
from face_alignment_3d.training.data.lifting import rotation
from face_alignment_3d.training.data.sample import Sample

#: The parts to train on: all but AFW, which is for evaluation.
TRAINING_PARTS: Final = ("HELEN", "IBUG", "LFPW")

#: Faces on which the fit leaves more than this (fraction of the face size) have no weight in z. Twice the
#: largest seen on 200 faces of AFLW2000-3D, whose labels were made in the same way.
MAX_RESIDUAL: Final = 0.02


@dataclass(frozen=True, eq=False)
class W300LP:
    """The index of the chosen parts."""

    directory: Path
    names: tuple[str, ...]
    """``<part>/<name>``"""
    photos: tuple[Path, ...]
    model: FaceModel | None
    first_line: int | None = None

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ImageError, which names the file."""
        return as_rgb(self.photos[index])

    def files(self, index: int) -> tuple[Path, ...]:
        """The file of the points, that of the angles where they are used, and the photo."""
        path = self.directory / "landmarks" / f"{self.names[index]}_pts.mat"
        photo = self.photos[index]
        return (path, photo) if self.model is None else (path, photo.with_suffix(".mat"), photo)

    def points(self, index: int) -> Floats:
        """(68, 2) x and y in pixels of the photo. Raises DataError, which names the file."""
        return read_mat(self.files(index)[0], {"pts_3d": (68, 2)})["pts_3d"] - 1.0

    def rotation(self, index: int) -> Floats:
        """(3, 3): takes a face that looks into the camera to the pose that the files state, library frame.

        Raises DataError, which names the file.
        """
        angles = read_mat(self.photos[index].with_suffix(".mat"), {"Pose_Para": (1, 7)})["Pose_Para"][0, :3]
        # With y and z turned round, turns about x and about y change their sense. Roll is the innermost.
        pitch, yaw, roll = rotation(torch.from_numpy(np.diag(angles * [-1.0, -1.0, 1.0]))).numpy()
        turned: Floats = pitch @ yaw @ roll
        return turned

    def sample(self, index: int) -> Sample:
        """The photo with its labels.

        x and y have weight 1, and so has z, but 0 without a model or where the model does not fit.
        """
        points68 = self.points(index)
        points = np.zeros((NUM_LANDMARKS, 3), dtype=np.float32)
        points[:, :2] = points68[FROM_68]
        trust = 0.0
        if self.model is not None:
            fit = fit_depth(points68, self.rotation(index), self.model)
            if fit.residual <= MAX_RESIDUAL:
                points[:, 2] = fit.z[FROM_68] - fit.z[FROM_68].mean()
                trust = 1.0
        return Sample(
            f"300w-lp/{self.names[index]}",
            self.image(index),
            points,
            np.ones(NUM_LANDMARKS, dtype=np.float32),
            np.full(NUM_LANDMARKS, trust, dtype=np.float32),
        )


def open_w300lp(
    directory: Path, *, parts: Sequence[str] = TRAINING_PARTS, model: FaceModel | None = None
) -> W300LP:
    """Opens ``parts`` of the set in ``directory``; ``model`` gives z, which is unknown without it.

    Raises DataError when a folder is missing, or the photo or the .mat file that labels belong to.
    """
    names: list[str] = []
    found: list[Path] = []
    for part in parts:
        labels = files_by_name(directory / "landmarks" / part, {".mat"}, ending="_pts")
        photos = files_by_name(directory / part, PHOTO_SUFFIXES)
        require_pairs(photos, labels, directory / "landmarks" / part, every_photo=False)
        if model is not None:
            poses = files_by_name(directory / part, {".mat"})
            require_pairs(poses, labels, directory / part, every_photo=False, kind=".mat file")
        names += [f"{part}/{name}" for name in labels]
        found += [photos[name] for name in labels]
    return W300LP(directory, tuple(names), tuple(found), model)
