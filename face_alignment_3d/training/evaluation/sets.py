"""The labelled sets that an evaluation can name."""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.face_sets import (
    HAND_LABELLED,
    HOLDOUT_EVERY,
    FaceSet,
    open_hand_labelled,
)
from face_alignment_3d.training.data.datasets.novel_views import NovelViews, open_novel_views
from face_alignment_3d.training.data.datasets.photos68 import Photos68, open_photos68
from face_alignment_3d.training.data.subsample import subsample
from face_alignment_3d.training.evaluation.benchmark_sets import (
    AFLW2000,
    MERL_RAV,
    open_aflw2000_labelled,
    open_merl_rav,
)
from face_alignment_3d.training.evaluation.truth import LabelledSet, truth_by_hand, truth_in_3d
from face_alignment_3d.training.labels.fusion import evaluation_labels

#: The photos that training keeps for validation. Every choice is made on these, so that AFW stays unseen.
HOLDOUT: Final = "holdout"
#: Sets with hand-made points in 2D.
DATASETS: Final = (HOLDOUT, "afw", *HAND_LABELLED)
#: The ending of the names of sets that `train-data synthesize-views` has turned out of plane.
NOVEL_VIEWS: Final = "-novel-views"
#: Degrees of |yaw|. Beyond 85 a turned photo shows too little that was in the photo it was made from.
YAW_EDGES_NOVEL_VIEWS: Final = (0.0, 30.0, 60.0, 85.0)
_NOVEL_VIEWS_NOTE: Final = (
    "a test of consistency: the labels were made as those that training uses, and share their faults"
)


def open_labelled(
    name: str, *, data: Path | None, derived_data: Path | None = None, limit: int | None = None
) -> LabelledSet:
    """Opens the set called ``name``; at most ``limit`` photos, spread evenly over it.

    The ``DATASETS`` have hand-made points in 2D and lie below ``data``; a face model is fitted to them for
    the yaw and z. ``"<set>-novel-views"`` has labels in 3D and is what `train-data synthesize-views` put
    below ``derived_data``; ``"holdout-novel-views"`` are the views of the photos that training keeps for
    validation. ``"aflw2000"`` is AFLW2000-3D, in ``data`` as an archive, or ``data`` is the set's own folder;
    ``"merl-rav"`` are AFLW's faces of MERL-RAV's test split.

    Raises :class:`DataError` for other names, a folder that is needed and not given, a limit below 1, and
    data that are missing or broken.
    """
    if limit is not None and limit < 1:
        raise DataError(f"expected a limit of at least 1 photo; got {limit}")
    if name.endswith(NOVEL_VIEWS):
        derived_data = _required(
            derived_data, "--derived-data, the folder that `train-data synthesize-views` wrote", name
        )
        return _open_novel_views(data, derived_data, name, limit)
    if name == AFLW2000:
        folder = _required(data, "--data, the folder with aflw2000_dev.npz or that of the .mat files", name)
        return open_aflw2000_labelled(folder, derived_data).spread(limit)
    if name == MERL_RAV:
        return open_merl_rav(_required(data, "--data, the folder with aflw_dev.npz", name)).spread(limit)
    if name not in DATASETS:
        known = ", ".join([*DATASETS, HOLDOUT + NOVEL_VIEWS, f"afw{NOVEL_VIEWS}", AFLW2000, MERL_RAV])
        raise DataError(f"expected one of the data sets {known}; got {name!r}")
    data = _required(data, "--data, the folder that holds photos68/ and models/", name)
    photos = open_dataset(data, name)
    digest = digest_of(photos)
    photos, note = _usable(_spread(photos, limit))
    labels = evaluation_labels(data, _face_set(data, name, photos))
    truth = truth_by_hand(
        photos.names,
        photos.points68,
        labels.points,
        valid=labels.weight_z.max(axis=1) > 0,
        yaw=labels.yaw,
    )
    return LabelledSet(name, truth, photos.image, digest, note=note)


def open_dataset(data: Path, name: str, *, limit: int | None = None) -> Photos68:
    """Opens one of ``DATASETS`` below ``data``; at most ``limit`` photos, spread evenly over the set.

    ``"holdout"`` is exactly what :func:`face_alignment_3d.training.recipes.training_data.load_training_data`
    keeps out of training. Raises :class:`DataError` for other names, a limit below 1, and data that are
    missing or broken.
    """
    if name not in DATASETS:
        raise DataError(f"expected one of the data sets {', '.join(DATASETS)}; got {name!r}")
    if limit is not None and limit < 1:
        raise DataError(f"expected a limit of at least 1 photo; got {limit}")
    photos = _holdout(data) if name == HOLDOUT else open_photos68(data, name)
    return _spread(photos, limit)


def _face_set(data: Path, name: str, photos: Photos68) -> FaceSet:
    """The photos with 3DDFA_V2's points, where those of the set lie."""
    places = [f"{photos.directory.name}/{each}" if name != HOLDOUT else each for each in photos.names]
    predicted: dict[str, npt.NDArray[np.float64]] = {}
    for each in sorted({place.partition("/")[0] for place in places}):
        faces = open_hand_labelled(data, each)
        predicted |= {
            f"{each}/{file.stem}": points for file, points in zip(faces.files, faces.predicted, strict=True)
        }
    return FaceSet(
        name,
        tuple(data / "photos68" / f"{place}.jpg" for place in places),
        np.stack([predicted[place] for place in places]),
        ibug68=photos.points68.astype(np.float64),
    )


def digest_of(photos: Photos68) -> str:
    """SHA-256 over the names, the hand-made points and the files of a set."""
    digest = hashlib.sha256()
    for name, points in zip(photos.names, photos.points68, strict=True):
        digest.update(name.encode())
        digest.update(points.astype("<f4").tobytes())
        digest.update((photos.directory / f"{name}.jpg").read_bytes())
    return digest.hexdigest()


def _required(directory: Path | None, what: str, name: str) -> Path:
    if directory is None:
        raise DataError(f"expected {what}, for {name}; got none")
    return directory


def _open_novel_views(data: Path | None, derived_data: Path, name: str, limit: int | None) -> LabelledSet:
    if name == HOLDOUT + NOVEL_VIEWS:
        photos = _holdout_views(
            _required(data, "--data, the folder that holds photos68/", name), derived_data
        )
    else:
        photos = open_novel_views(derived_data, name.removesuffix(NOVEL_VIEWS))
    truth = truth_in_3d(
        photos.names, photos.points, photos.yaw, yaw_edges=YAW_EDGES_NOVEL_VIEWS, subjects=photos.sources
    )
    return LabelledSet(name, truth, photos.image, photos.digest(), note=_NOVEL_VIEWS_NOTE).spread(limit)


def _holdout_views(data: Path, derived_data: Path) -> NovelViews:
    withheld = set(_holdout(data).names)
    sets = [open_novel_views(derived_data, name) for name in HAND_LABELLED]
    chosen = [
        (views, i)
        for views in sets
        for i, source in enumerate(views.sources)
        if f"{views.directory.name}/{source}" in withheld and abs(views.yaw[i]) <= YAW_EDGES_NOVEL_VIEWS[-1]
    ]
    if not chosen:
        raise DataError(
            f"expected views of held-out photos below {derived_data / 'novel_views'}; found none: make all "
            f"again"
        )

    def column(key: str) -> npt.NDArray[np.float32]:
        return np.stack([getattr(views, key)[i] for views, i in chosen]).astype(np.float32)

    return NovelViews(
        derived_data / "novel_views",
        tuple(f"{views.directory.name}/{views.names[i]}" for views, i in chosen),
        tuple(f"{views.directory.name}/{views.sources[i]}" for views, i in chosen),
        *(column(key) for key in ("points", "visible", "weight_visible", "yaw", "pitch", "roll")),
    )


def _usable(photos: Photos68) -> tuple[Photos68, str]:
    """The faces whose labels can be a face's, and which were left out."""
    usable = [index for index in range(len(photos.names)) if photos.usable(index)]
    if len(usable) == len(photos.names):
        return photos, ""
    left_out = sorted({*photos.names} - {photos.names[index] for index in usable})
    if not usable:
        raise DataError(
            f"expected landmarks of faces in {photos.directory}.npz; got none that can be: get it again"
        )
    names = ", ".join(left_out[:10]) + (", ..." if len(left_out) > 10 else "")
    note = f"left out {len(left_out)} whose labels cannot be those of a face: {names}"
    return Photos68(photos.directory, tuple(photos.names[i] for i in usable), photos.points68[usable]), note


def _spread(photos: Photos68, limit: int | None) -> Photos68:
    chosen = subsample(len(photos.names), limit)
    return Photos68(photos.directory, tuple(photos.names[i] for i in chosen), photos.points68[chosen])


def _holdout(data: Path) -> Photos68:
    sets = [open_photos68(data, name) for name in HAND_LABELLED]
    every = slice(None, None, HOLDOUT_EVERY)
    names = [f"{photos.directory.name}/{name}" for photos in sets for name in photos.names]
    points68 = np.concatenate([photos.points68 for photos in sets])
    return Photos68(data / "photos68", tuple(names[every]), points68[every])
