"""AFLW2000-3D (Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", CVPR 2016).

Layout: ``image<number>.jpg`` of 450 x 450 px, each with ``image<number>.mat`` beside it. Of a .mat file
these are read: ``pt3d_68`` (3, 68), the points of the 68-point markup on a fitted Basel model, jaw line in
3D; and ``Pose_Para`` (1, 7): pitch, yaw, roll in radians, translation in x, y, z, scale.

Frame of the files: MATLAB's pixels, in which the center of the top-left one is (1, 1); x right, y down
already, z towards the viewer, in the same unit, from an arbitrary origin. Here 1 is taken off x and y, the
sign of z is turned, and z is centered over the 66 points. The angles belong to a frame with y up and z
towards the viewer; in the library's, pitch and yaw change their signs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import FROM_68, NUM_LANDMARKS
from face_alignment_3d.training.data.datasets.matlab import read_mat
from face_alignment_3d.training.data.datasets.pairs import PHOTO_SUFFIXES, files_by_name, require_pairs
from face_alignment_3d.training.data.sample import Sample


@dataclass(frozen=True, eq=False)
class Aflw2000:
    """The index of the set."""

    directory: Path
    names: tuple[str, ...]
    photos: tuple[Path, ...]
    labels: tuple[Path, ...]
    first_line: int | None = None

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ImageError, which names the file."""
        return as_rgb(self.photos[index])

    def files(self, index: int) -> tuple[Path, ...]:
        """The label file and the photo."""
        return self.labels[index], self.photos[index]

    def points(self, index: int) -> npt.NDArray[np.float32]:
        """(66, 3) pixels of the photo in the library's frame. Raises DataError, which names the file."""
        labels = read_mat(self.labels[index], {"pt3d_68": (3, 68)})["pt3d_68"].T[FROM_68]
        labels[:, :2] -= 1.0
        labels[:, 2] = labels[:, 2].mean() - labels[:, 2]
        points: npt.NDArray[np.float32] = labels.astype(np.float32)
        return points

    def pose(self, index: int) -> npt.NDArray[np.float32]:
        """(3,): pitch, yaw, roll in degrees; positive yaw turns the nose to the image's right.

        The signs are the library's, the order of the turns is the set's: roll first, then yaw, then pitch.
        That is the yaw by which results on this set are grouped. Raises DataError, which names the file.
        """
        angles = read_mat(self.labels[index], {"Pose_Para": (1, 7)})["Pose_Para"][0, :3]
        pose: npt.NDArray[np.float32] = np.rad2deg(angles * [-1.0, -1.0, 1.0]).astype(np.float32)
        return pose

    def sample(self, index: int) -> Sample:
        """The photo with its labels, all with weight 1."""
        ones = np.ones(NUM_LANDMARKS, dtype=np.float32)
        return Sample(f"aflw2000/{self.names[index]}", self.image(index), self.points(index), ones, ones)


def open_aflw2000(directory: Path) -> Aflw2000:
    """Opens the set in ``directory``. Raises DataError when the folder, a photo or a .mat file is missing."""
    labels = files_by_name(directory, {".mat"})
    photos = files_by_name(directory, PHOTO_SUFFIXES)
    require_pairs(photos, labels, directory)
    return Aflw2000(directory, tuple(labels), tuple(photos[name] for name in labels), tuple(labels.values()))
