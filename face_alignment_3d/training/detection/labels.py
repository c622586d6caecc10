"""All faces of photos, as turned boxes: ``detection_labels.npz``, which the scout is trained on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.errors import DataError
from face_alignment_3d.pose.head_pose import estimate_pose
from face_alignment_3d.training.data.archives import Array, read_arrays, require_shape, write_arrays

FILE_NAME: Final = "detection_labels.npz"

_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "photo": (),
    "centers": (2,),
    "sides": (2,),
    "rolls": (),
    "roll_weights": (),
    "weights": (),
    "yaws": (),
}


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """The faces of a set of photos."""

    files: tuple[str, ...]
    """The photos, as paths below the data folder."""
    digests: tuple[str, ...]
    """The first 16 digits of each file's SHA-256."""
    photo: npt.NDArray[np.int64]
    """(F,): index of the photo."""
    boxes: OrientedBoxes
    """(F,): reference boxes of level heads, in the stored photo's pixels, edge coordinates."""
    roll_weights: npt.NDArray[np.float32]
    """(F,) in [0, 1]: the weight of the roll."""
    weights: npt.NDArray[np.float32]
    """(F,) in [0, 1]: the certainty that this is a face; with 0 the place is trained neither as a face nor as
    none."""
    yaws: npt.NDArray[np.float32]
    """(F,): degrees, of either sign; 0 where it is not known."""


def oriented_box(points: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float64], float]:
    """Center and sides (4,) in edge coordinates, and roll, of the box around 66 landmarks (66, 3) in pixels.

    The roll is the angle in the image between straight down and the direction from a head's crown to its
    neck, in radians, clockwise on screen; the box is tight around the points in the frame that leans so.
    """
    down = estimate_pose(points).rotation[:2, 1]
    roll = float(np.arctan2(-down[0], down[1]))
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    level = points[:, :2].astype(np.float64) @ turn
    low, high = level.min(axis=0), level.max(axis=0)
    return np.concatenate([turn @ ((low + high) / 2) + 0.5, high - low]), roll


def save_detection_labels(
    path: Path, sets: Mapping[str, LabelledFaces], *, source: Mapping[str, Any]
) -> None:
    """Writes the sets to the .npz file ``path``, whole or not at all; ``source`` says what made them."""
    arrays: dict[str, Array] = {"sets": np.array(list(sets)), "source": np.array(json.dumps(source))}
    for name, faces in sets.items():
        arrays[f"{name}/files"] = np.array(faces.files)
        arrays[f"{name}/digests"] = np.array(faces.digests)
        arrays |= {
            f"{name}/photo": faces.photo,
            f"{name}/centers": faces.boxes.centers,
            f"{name}/sides": faces.boxes.sides,
            f"{name}/rolls": faces.boxes.rolls,
            f"{name}/roll_weights": faces.roll_weights,
            f"{name}/weights": faces.weights,
            f"{name}/yaws": faces.yaws,
        }
    write_arrays(path, arrays)


def load_detection_labels(derived_data: Path) -> dict[str, LabelledFaces]:
    """Reads what :func:`save_detection_labels` wrote into the folder ``derived_data``.

    Raises :class:`DataError` when the file is missing or broken.
    """
    path = derived_data / FILE_NAME
    names = [str(name) for name in read_arrays(path, ["sets"])["sets"]]
    sets = {}
    for name in names:
        arrays = read_arrays(path, [f"{name}/{key}" for key in ("files", "digests", *_SHAPES)])
        count = len(arrays[f"{name}/photo"])
        for key, shape in _SHAPES.items():
            require_shape(path, f"{name}/{key}", arrays[f"{name}/{key}"], (count, *shape))
        files = tuple(str(file) for file in arrays[f"{name}/files"])
        digests = tuple(str(digest) for digest in arrays[f"{name}/digests"])
        if len(digests) != len(files):
            raise DataError(
                f"expected a digest for each of the {len(files)} photos of {name} in {path}, "
                f"got {len(digests)}; make the labels again"
            )
        _require_faces(path, name, arrays)
        photo = arrays[f"{name}/photo"].astype(np.int64)
        if count and not (photo.min() >= 0 and photo.max() < len(files)):
            raise DataError(
                f"expected {name}/photo in {path} to be indices of {len(files)} photos, got {photo.min()} "
                f"to {photo.max()}; make the labels again"
            )
        sets[name] = LabelledFaces(
            files,
            digests,
            photo,
            OrientedBoxes(
                arrays[f"{name}/centers"].astype(np.float64),
                arrays[f"{name}/sides"].astype(np.float64),
                arrays[f"{name}/rolls"].astype(np.float64),
            ),
            arrays[f"{name}/roll_weights"].astype(np.float32),
            arrays[f"{name}/weights"].astype(np.float32),
            arrays[f"{name}/yaws"].astype(np.float32),
        )
    return sets


def _require_faces(path: Path, name: str, arrays: Mapping[str, Array]) -> None:
    """Raises DataError unless all boxes have a size and all weights lie in [0, 1]."""
    shares = [arrays[f"{name}/{key}"] for key in ("weights", "roll_weights")]
    wrong = np.flatnonzero(
        (arrays[f"{name}/sides"] <= 0).any(axis=1)
        | np.any([(share < 0) | (share > 1) for share in shares], axis=0)
    )
    if wrong.size:
        photo = arrays[f"{name}/files"][int(arrays[f"{name}/photo"][wrong[0]])]
        raise DataError(
            f"expected boxes with a width and a height, and weights in [0, 1], of the faces of {name} in "
            f"{path}; {wrong.size} have others, the first is face {wrong[0]}, in {photo}: "
            "make the labels again"
        )
