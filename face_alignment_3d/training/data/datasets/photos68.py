"""Photos with 68 hand-made 2D points (``photos68/<set>/*.jpg`` and ``photos68/<set>.npz``), lifted to 3D."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around, rescale
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.archives import read_arrays, require_files, require_shape
from face_alignment_3d.training.data.datasets.plausible import implausible
from face_alignment_3d.training.data.lifting import FAR_SIDE_YAW, Lifted
from face_alignment_3d.training.data.sample import Sample

#: Faces whose fit leaves more than this (fraction of the face size) have no weight in z.
MAX_RESIDUAL = 0.025
_JAW_WEIGHT = 0.5
_HIDDEN_JAW_WEIGHT = 0.3


@dataclass(frozen=True, eq=False)
class Photos68:
    """The index of one set: file names and 2D labels, no images yet."""

    directory: Path
    names: tuple[str, ...]
    points68: npt.NDArray[np.float32]
    """(N, 68, 2) in pixels of the stored photo."""

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ImageError, which names the file."""
        return as_rgb(self.directory / f"{self.names[index]}.jpg")

    def usable(self, index: int) -> bool:
        """True if the points of a face can be a face's; the labels of others have weight 0."""
        return implausible(self.points68[index]) is None


def open_photos68(data: Path, name: str) -> Photos68:
    """Opens ``data/photos68/<name>.npz`` and checks that its photos are there; else raises DataError."""
    index = data / "photos68" / f"{name}.npz"
    directory = data / "photos68" / name
    arrays = read_arrays(index, ["names", "points68"])
    names = tuple(str(n) for n in arrays["names"])
    require_shape(index, "points68", arrays["points68"], (len(names), 68, 2))
    require_files(directory, [f"{n}.jpg" for n in names], index=index)
    return Photos68(directory, names, arrays["points68"].astype(np.float32))


def labelled_points(points68: npt.NDArray[np.float32], lifted: Lifted) -> npt.NDArray[np.float32]:
    """(N, 66, 3): hand-made x, y where visible; x, y of the hidden jaw and every z from the fit."""
    points = lifted.points.copy()
    points[:, :, :2] = points68
    hidden = np.zeros(points.shape[:2], dtype=bool)
    hidden[:, :17] = lifted.far_jaw
    points[hidden] = lifted.points[hidden]
    points66 = points[:, FROM_68]
    points66[..., 2] -= points66[..., 2].mean(axis=1, keepdims=True)
    labels: npt.NDArray[np.float32] = points66.astype(np.float32)
    return labels


def make_samples(photos: Photos68, lifted: Lifted, *, face_size: int) -> list[Sample]:
    """Reads the photos, shrunk so that faces are ``face_size`` px at most, with their 3D labels."""
    points66 = labelled_points(photos.points68, lifted)
    samples = []
    for index, name in enumerate(photos.names):
        image, points = shrink_to_face(photos.image(index), points66[index], face_size=face_size)
        weight_xy = np.ones(66, dtype=np.float32)
        weight_xy[:17] = np.where(lifted.far_jaw[index], _HIDDEN_JAW_WEIGHT, _JAW_WEIGHT)
        if abs(lifted.yaw[index]) <= FAR_SIDE_YAW:
            weight_xy[:17] = 2 * _JAW_WEIGHT
        trust = float(lifted.residual[index] <= MAX_RESIDUAL)
        if not photos.usable(index):
            weight_xy[:], trust = 0.0, 0.0
        weight_z = np.full(66, trust, dtype=np.float32)
        samples.append(Sample(f"{photos.directory.name}/{name}", image, points, weight_xy, weight_z))
    return samples


def shrink_to_face(
    image: npt.NDArray[np.uint8], points: npt.NDArray[np.float32], *, face_size: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Shrinks a photo by area averaging to a face box of longer side ``face_size`` px; never enlarges."""
    x0, y0, x1, y1 = box_around(points)
    side = max(float(x1 - x0), float(y1 - y0))
    scale = min(1.0, face_size / side) if side > 0 else 1.0
    if scale == 1.0:
        return image, points
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    scaled = points * np.float32(scale)
    scaled[:, 0] = rescale(points[:, 0], size[0] / width)
    scaled[:, 1] = rescale(points[:, 1], size[1] / height)
    return np.asarray(small, dtype=np.uint8), scaled
