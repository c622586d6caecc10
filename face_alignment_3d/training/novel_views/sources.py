"""The labelled faces from which novel views are made."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.datasets.face_sets import (
    HAND_LABELLED,
    FaceSet,
    open_hand_labelled,
    open_teacher_labelled,
)
from face_alignment_3d.training.data.datasets.novel_views import PSEUDO_LABELLED, view_source
from face_alignment_3d.training.data.datasets.photos68 import shrink_to_face
from face_alignment_3d.training.labels.fused_labels import load_fused_labels
from face_alignment_3d.training.labels.fusion import evaluation_labels
from face_alignment_3d.training.novel_views.views import Source

#: Labels of faces without hand-made points that may be turned: z has more than this weight, and the face
#: is near enough to the front for no side of it to be hidden, degrees.
_MIN_WEIGHT, _MAX_YAW = 0.55, 40.0


def open_sources(data: Path, derived_data: Path, name: str, *, face_size: int, count: int) -> list[Source]:
    """The faces of ``name`` to turn, shrunk to ``face_size`` px.

    ``name`` is a hand-labelled set, or "pseudo": then ``count`` of the faces that networks alone have
    labelled, spread over the set. Their labels are those of ``derived_data``; of a set that is not trained on
    they are fused here.
    """
    if name == PSEUDO_LABELLED:
        faces = open_teacher_labelled(data)
        labels = load_fused_labels(derived_data).of(faces)
        trusted = (labels.weight_z.max(axis=1) > _MIN_WEIGHT) & (np.abs(labels.yaw) < _MAX_YAW)
        chosen = np.flatnonzero(trusted)
        chosen = chosen[np.linspace(0, len(chosen) - 1, min(count, len(chosen))).astype(np.int64)]
        root = data / "faces"
        names = [view_source(str(file.relative_to(root))) for file in faces.files]
    else:
        faces = open_hand_labelled(data, name)
        if name in HAND_LABELLED:
            labels = load_fused_labels(derived_data).of(faces)
        else:
            labels = evaluation_labels(data, faces)
        chosen = np.flatnonzero(labels.weight_z.max(axis=1) > 0)
        names = [file.stem for file in faces.files]
    return _read(faces, labels.points, chosen, names, face_size)


def _read(
    faces: FaceSet,
    points: npt.NDArray[np.float32],
    chosen: npt.NDArray[np.intp],
    names: list[str],
    face_size: int,
) -> list[Source]:
    def source(index: int) -> Source:
        return Source(names[index], *shrink_to_face(faces.image(index), points[index], face_size=face_size))

    with ThreadPoolExecutor() as executor:
        return list(executor.map(source, chosen.tolist()))
