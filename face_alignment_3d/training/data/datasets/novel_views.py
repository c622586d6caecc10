"""Photos turned out of plane, with their 3D labels.

Layout: ``novel_views/<set>/*.jpg`` and ``novel_views/<set>.npz``.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.archives import read_arrays, require_files, require_shape
from face_alignment_3d.training.data.sample import Sample

Floats = npt.NDArray[np.float32]

#: The set of turned photos of faces that networks alone have labelled.
PSEUDO_LABELLED = "pseudo"

_KEYS = ("names", "sources", "points66", "visible", "weight_visible", "yaw", "pitch", "roll")


@dataclass(frozen=True, eq=False)
class NovelViews:
    """The index of one set: V views, their 3D labels and poses, no images yet."""

    directory: Path
    names: tuple[str, ...]
    sources: tuple[str, ...]
    """(V,): the photo from which each was made."""
    points: Floats
    """(V, 66, 3) in pixels of the view; x right, y down, z away from the camera, zero mean."""
    visible: Floats
    """(V, 66): 1 where the head itself does not hide the landmark, else 0."""
    weight_visible: Floats
    """(V, 66): the certainty of ``visible``, in [0, 1]."""
    yaw: Floats
    """(V,) degrees, positive where the nose points to the image's right."""
    pitch: Floats
    roll: Floats

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ImageError, which names the file."""
        return as_rgb(self.directory / f"{self.names[index]}.jpg")

    def sample(self, index: int) -> Sample:
        """View ``index`` as training sees it, all points with weight 1."""
        ones = np.ones(len(self.points[index]), dtype=np.float32)
        name = f"{self.directory.name}/{self.names[index]}"
        return Sample(
            name,
            self.image(index),
            self.points[index],
            ones,
            ones,
            self.visible[index],
            self.weight_visible[index],
        )

    def digest(self) -> str:
        """SHA-256 over names, labels, poses and the photos' bytes, which identifies the views of a report."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        for array in (self.points, self.yaw, self.pitch, self.roll):
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        for name in self.names:
            digest.update((self.directory / f"{name}.jpg").read_bytes())
        return digest.hexdigest()


def view_source(path: str) -> str:
    """The name of the views of a photo with this path below its data set."""
    return path.replace("/", "_").rpartition(".")[0]


def open_novel_views(derived_data: Path, name: str) -> NovelViews:
    """Opens ``derived_data/novel_views/<name>.npz`` and checks that its photos are there.

    Raises :class:`DataError` when a file is missing or broken.
    """
    index = derived_data / "novel_views" / f"{name}.npz"
    directory = derived_data / "novel_views" / name
    arrays = read_arrays(index, _KEYS)
    names = tuple(str(n) for n in arrays["names"])
    require_shape(index, "points66", arrays["points66"], (len(names), 66, 3))
    for key in ("visible", "weight_visible"):
        require_shape(index, key, arrays[key], (len(names), 66))
    for key in ("yaw", "pitch", "roll"):
        require_shape(index, key, arrays[key], (len(names),))
    require_files(directory, [f"{n}.jpg" for n in names], index=index)
    return NovelViews(
        directory,
        names,
        tuple(str(s) for s in arrays["sources"]),
        *(arrays[key].astype(np.float32) for key in _KEYS[2:]),
    )
