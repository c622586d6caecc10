"""Lifted labels as files: what the face model makes of a hand-labelled set, and which faces it fits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.archives import Array, read_arrays, require_shape, write_arrays
from face_alignment_3d.training.data.datasets.photos68 import MAX_RESIDUAL, Photos68, labelled_points
from face_alignment_3d.training.labels.face_model import FaceModel
from face_alignment_3d.training.labels.lifting import lift

Purpose = Literal["training", "evaluation only"]

#: Sets whose labels, lifted or not, no training may read.
EVALUATION_ONLY: Final = frozenset({"afw"})

_FLAGS: Final = ("far_jaw", "kept")
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "points68": (68, 3),
    "labels66": (66, 3),
    "yaw": (),
    "residual": (),
    "far_jaw": (17,),
    "kept": (),
}


@dataclass(frozen=True, eq=False)
class LiftedLabels:
    """N faces of a hand-labelled set in 3D: pixels of the stored photos, x right, y down, z away."""

    purpose: Purpose
    """What the set may be used for."""
    names: tuple[str, ...]
    """File stems of the photos."""
    points68: npt.NDArray[np.float32]
    """(N, 68, 3): the fitted face model; z has zero mean over the 68 points."""
    labels66: npt.NDArray[np.float32]
    """(N, 66, 3): hand-made x, y where the point is visible; the hidden jaw's x, y and every z from the fit.
    z has zero mean over the 66 points."""
    yaw: npt.NDArray[np.float32]
    """(N,) degrees; positive when the nose points to the image's right."""
    residual: npt.NDArray[np.float32]
    """(N,): mean 2D distance of the 51 inner points between hand and fit, over the root of the box's area."""
    far_jaw: npt.NDArray[np.bool_]
    """(N, 17): jaw points that the turned head hides."""
    kept: npt.NDArray[np.bool_]
    """(N,): the model fits; the other faces are not to be used in 3D."""


def lift_photos(photos: Photos68, model: FaceModel) -> LiftedLabels:
    """Lifts all hand-made points of a set with :func:`face_alignment_3d.training.labels.lifting.lift`.

    About 20 seconds for 1,000 faces on one core. A face is kept when its residual is at most
    ``MAX_RESIDUAL``. Raises :class:`DataError` for an empty set, and for points that all lie in one place.
    """
    name = photos.directory.name
    if not photos.names:
        raise DataError(f"expected at least one labelled face in {name}; got none: get the set again")
    # Their size is what the fit divides by.
    extent = np.ptp(photos.points68, axis=1).min(axis=1)
    if broken := [photos.names[i] for i in np.flatnonzero(extent <= 0)]:
        raise DataError(
            f"expected points that span a face; in {name} those of {', '.join(broken)} lie on one line or "
            "in one place: repair or leave out those"
        )
    lifted = lift(photos.points68, model)
    purpose: Purpose = "evaluation only" if name.lower() in EVALUATION_ONLY else "training"
    return LiftedLabels(
        purpose,
        photos.names,
        lifted.points.astype(np.float32),
        labelled_points(photos.points68, lifted),
        lifted.yaw.astype(np.float32),
        lifted.residual.astype(np.float32),
        lifted.far_jaw,
        lifted.residual <= MAX_RESIDUAL,
    )


def save_lifted(path: Path, labels: LiftedLabels) -> None:
    """Writes ``labels`` to the .npz file ``path``, whole or not at all; its folder must be there."""
    arrays: dict[str, Array] = {name: getattr(labels, name) for name in _SHAPES}
    write_arrays(path, {"for": np.array(labels.purpose), "names": np.array(labels.names), **arrays})


def load_lifted(path: Path, *, purpose: Purpose) -> LiftedLabels:
    """Reads what :func:`save_lifted` wrote.

    Raises :class:`DataError` when the file is missing or broken, and when ``purpose`` is "training" and the
    set is marked for evaluation only.
    """
    arrays = read_arrays(path, ["for", "names", *_SHAPES])
    marked = str(arrays["for"])
    if marked not in ("training", "evaluation only"):
        raise DataError(
            f"expected {path} to be marked 'training' or 'evaluation only'; got {marked!r}: lift it again"
        )
    if purpose == "training" and marked != "training":
        raise DataError(
            f"expected labels to train on; {path} is marked {marked!r}: train on other sets, lest the "
            "evaluation measures what was learned by heart"
        )
    names = tuple(str(name) for name in arrays["names"])
    for name, shape in _SHAPES.items():
        values = arrays[name]
        if name in _FLAGS and values.dtype != np.bool_:
            raise DataError(f"expected bool as {name} in {path}, got {values.dtype}; lift the set again")
        numbers = values.astype(np.uint8) if name in _FLAGS else values
        require_shape(path, name, numbers, (len(names), *shape))
    return LiftedLabels(
        "training" if marked == "training" else "evaluation only",
        names,
        arrays["points68"].astype(np.float32),
        arrays["labels66"].astype(np.float32),
        arrays["yaw"].astype(np.float32),
        arrays["residual"].astype(np.float32),
        arrays["far_jaw"],
        arrays["kept"],
    )
