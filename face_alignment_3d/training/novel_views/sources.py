"""The faces that views are made of."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from face_alignment_3d.training.data.datasets.novel_views import view_source
from face_alignment_3d.training.data.datasets.photos68 import (
    MAX_RESIDUAL,
    labelled_points,
    open_photos68,
    shrink_to_face,
)
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
from face_alignment_3d.training.labels.face_model import FaceModel
from face_alignment_3d.training.labels.labels import Labels
from face_alignment_3d.training.labels.lifting import lift
from face_alignment_3d.training.novel_views.views import Source

# Pseudo-labels that may be turned: the network's views agree, and the face is near enough to the front for no
# side of it to be hidden.
_MIN_WEIGHT, _MAX_YAW = 0.45, 40.0


def hand_labelled_sources(data: Path, name: str, model: FaceModel, *, face_size: int) -> list[Source]:
    """The photos of ``data``/photos68/``name`` that ``model`` fits, shrunk to faces of ``face_size`` px."""
    photos = open_photos68(data, name)
    lifted = lift(photos.points68, model)
    points = labelled_points(photos.points68, lifted)

    def source(index: int) -> Source:
        return Source(
            photos.names[index], *shrink_to_face(photos.image(index), points[index], face_size=face_size)
        )

    with ThreadPoolExecutor() as executor:
        return list(executor.map(source, np.flatnonzero(lifted.residual <= MAX_RESIDUAL).tolist()))


def pseudo_labelled_sources(
    faces: TeacherLabelledFaces, labels: Labels, *, face_size: int, count: int
) -> list[Source]:
    """``count`` of the ``faces`` whose ``labels`` are trusted, spread over their order."""
    trusted = (labels.weight_xy.mean(axis=1) > _MIN_WEIGHT) & (np.abs(faces.yaw) < _MAX_YAW)
    chosen = np.flatnonzero(trusted)
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(count, len(chosen))).astype(np.int64)]

    def source(index: int) -> Source:
        photo = shrink_to_face(faces.image(index), labels.points[index], face_size=face_size)
        return Source(view_source(faces.names[index]), *photo)

    with ThreadPoolExecutor() as executor:
        return list(executor.map(source, chosen.tolist()))
