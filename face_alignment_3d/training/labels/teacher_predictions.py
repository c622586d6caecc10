"""Predictions of a trained network, the teacher, on every photo: a smaller network learns from them.

Predictions are means over several crops of each photo. The file, ``teacher_predictions.npz``, holds for each
set ``SET/points`` (N, 66, 3) in pixels of the photos, ``SET/visibility`` (N, 66) and ``SET/digest``, which
binds them to those photos.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.archives import Array, read_arrays, require_shape, write_arrays
from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED, open_training_sets
from face_alignment_3d.training.data.datasets.novel_views import PSEUDO_LABELLED, open_novel_views
from face_alignment_3d.training.data.datasets.photos68 import shrink_to_face
from face_alignment_3d.training.engine.inference import predict_with_visibility
from face_alignment_3d.training.labels.fused_labels import load_fused_labels
from face_alignment_3d.training.labels.views import CropView, Floats, scaled, view_crops

FILE_NAME: Final = "teacher_predictions.npz"
#: Photos are shrunk to faces of this size before they are cropped, as in training, pixels.
_FACE_SIZE: Final = 150
#: Photos in memory at once.
_PART: Final = 512


@dataclass(frozen=True, eq=False)
class LabelledPhotos:
    """N photos to be shown to the teacher."""

    image: Callable[[int], npt.NDArray[np.uint8]]
    points: Floats
    """(N, 66, 3) in pixels of the photos: where the faces are."""
    digest: str
    """Binds predictions to these photos."""


@dataclass(frozen=True, eq=False)
class TeacherPredictions:
    """The mean over the views of each photo of one set."""

    points: Floats
    """(N, 66, 3) in pixels of the photo; z has zero mean."""
    visibility: Floats
    """(N, 66) in [0, 1]"""
    digest: str


@dataclass(frozen=True, eq=False)
class Teacher:
    """A file of predictions."""

    sets: Mapping[str, TeacherPredictions]
    source: Mapping[str, Any]
    """``weights_sha256``, ``views`` and ``version`` of the command that made them."""

    def of(self, name: str, digest: str) -> TeacherPredictions:
        """The predictions of set ``name``, whose photos have this digest.

        Raises :class:`DataError` where there are none of these photos.
        """
        predictions = self.sets.get(name)
        if predictions is None or predictions.digest != digest:
            raise DataError(
                f"expected the teacher's predictions of the photos of {name} in {FILE_NAME}; got "
                f"{'none' if predictions is None else 'those of other photos'}: run "
                "`face-alignment-3d train-data predict-teacher` on this data folder"
            )
        return predictions


def photos_digest(digests: Sequence[str]) -> str:
    """One digest of the digests of a set's photos, in their order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def views_key(name: str) -> str:
    """Key of the novel views of set ``name`` among the sets that a teacher sees."""
    return f"novel_views/{name}"


def open_teacher_photos(data: Path, derived_data: Path) -> dict[str, LabelledPhotos]:
    """All photos that a teacher is shown, by set: those with fused labels, and their novel views.

    Raises :class:`DataError` for what is missing below the two folders.
    """
    labels = load_fused_labels(derived_data)
    photos = {
        faces.name: LabelledPhotos(faces.image, labels.of(faces).points, photos_digest(faces.digests()))
        for faces in open_training_sets(data)
    }
    for name in (*HAND_LABELLED, PSEUDO_LABELLED):
        views = open_novel_views(derived_data, name)
        photos[views_key(name)] = LabelledPhotos(views.image, views.points, views.digest())
    return photos


def predict_teacher(
    photos: LabelledPhotos,
    cascade: Cascade,
    views: Sequence[CropView],
    *,
    progress: Callable[[int], object] = lambda photos: None,
) -> TeacherPredictions:
    """Shows ``cascade`` every photo in each of ``views``; ``progress`` is told of the photos done.

    Raises :class:`DataError` for a cascade that does not tell visibility.
    """
    if cascade.visibility is None:
        raise DataError("expected a teacher that tells visibility; got weights without that part")
    parts = []
    for start in range(0, len(photos.points), _PART):
        parts.append(_predict(photos, range(start, min(start + _PART, len(photos.points))), cascade, views))
        progress(len(parts[-1][0]))
    points, visibility = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return TeacherPredictions(points, visibility, photos.digest)


def _predict(
    photos: LabelledPhotos, chosen: range, cascade: Cascade, views: Sequence[CropView]
) -> tuple[Floats, Floats]:
    def read(index: int) -> tuple[npt.NDArray[np.uint8], Floats, float]:
        image = photos.image(index)
        small, points = shrink_to_face(image, photos.points[index], face_size=_FACE_SIZE)
        return small, points, small.shape[1] / image.shape[1]

    with ThreadPoolExecutor() as executor:
        images, points, scales = zip(*executor.map(read, chosen), strict=True)
    sums: list[tuple[Floats, Floats]] = []
    for view in views:
        crops = view_crops(points, view, cascade.geometry)
        sums.append(predict_with_visibility(cascade, images, crops, mirrored=view.mirrored))
    mean_points, mean_visibility = (np.mean(arrays, axis=0) for arrays in zip(*sums, strict=True))
    mean_points[..., 2] -= mean_points[..., 2].mean(axis=1, keepdims=True)
    in_photos = [scaled(face, 1 / scale) for face, scale in zip(mean_points, scales, strict=True)]
    return np.stack(in_photos).astype(np.float32), mean_visibility.astype(np.float32)


def save_teacher_predictions(
    path: Path, sets: Mapping[str, TeacherPredictions], source: Mapping[str, Any]
) -> None:
    """Writes the .npz file ``path``, whole or not at all; ``source`` says what made it, ready for JSON."""
    arrays: dict[str, Array] = {"sets": np.array(list(sets)), "source": np.array(json.dumps(source))}
    for name, predictions in sets.items():
        arrays[f"{name}/points"] = predictions.points
        arrays[f"{name}/visibility"] = predictions.visibility
        arrays[f"{name}/digest"] = np.array(predictions.digest)
    write_arrays(path, arrays)


def load_teacher_predictions(derived_data: Path) -> Teacher:
    """Reads what :func:`save_teacher_predictions` wrote into the folder ``derived_data``.

    Raises :class:`DataError` when the file is missing or broken.
    """
    path = derived_data / FILE_NAME
    head = read_arrays(path, ["sets", "source"])
    names = [str(name) for name in head["sets"]]
    keys = [f"{name}/{key}" for name in names for key in ("points", "visibility", "digest")]
    arrays = read_arrays(path, keys)
    found = {}
    for name in names:
        points, visibility = arrays[f"{name}/points"], arrays[f"{name}/visibility"]
        require_shape(path, f"{name}/points", points, (None, 66, 3))
        require_shape(path, f"{name}/visibility", visibility, (len(points), 66))
        found[name] = TeacherPredictions(points, visibility, str(arrays[f"{name}/digest"]))
    return Teacher(found, json.loads(str(head["source"])))
