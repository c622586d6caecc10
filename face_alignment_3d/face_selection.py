"""Selection of the faces among the candidates of several images, by the results of the landmark network."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.candidate_selection import first_candidates, next_candidates, select_faces
from face_alignment_3d.face import Face3D
from face_alignment_3d.face_views import FaceView
from face_alignment_3d.image_batches import dealt

_Align = Callable[[list[FaceView]], list[Face3D]]


def selected_faces(
    images: Iterable[list[FaceView]], align: _Align, *, batch_size: int, min_confidence: float
) -> Iterator[list[Face3D]]:
    """The faces of each image, given the views of its candidates, or of the caller's boxes.

    ``align`` runs the network. It first gets the likeliest candidates, of several images until there are
    ``batch_size`` of them, then those of the others that may still be faces;
    :mod:`face_alignment_3d.detection.candidate_selection` has the rules, the order of the faces and
    ``min_confidence``. A caller's boxes are all returned.
    """
    for group in _groups(images, batch_size):
        likeliest = [views if first is None else [views[i] for i in first] for views, first in group]
        faces = dealt(align(list(chain(*likeliest))), map(len, likeliest))
        others = [
            []
            if first is None
            else [views[i] for i in next_candidates(_boxes(views), first, _mean_confidence(found))]
            for (views, first), found in zip(group, faces, strict=True)
        ]
        more = dealt(align(list(chain(*others))), map(len, others))
        are_given = [first is None for _, first in group]
        del group, likeliest, others  # Their crops need not outlive them while the next ones are made.
        for is_given, found, further in zip(are_given, faces, more, strict=True):
            yield found if is_given else _selected([*found, *further], min_confidence)


def _groups(
    images: Iterable[list[FaceView]], batch_size: int
) -> Iterator[list[tuple[list[FaceView], npt.NDArray[np.int64] | None]]]:
    """Images that together have at least ``batch_size`` views to align first; fewer in the last group.

    Each comes with the indices of these views; None for boxes of the caller's, which are all aligned.
    """
    group: list[tuple[list[FaceView], npt.NDArray[np.int64] | None]] = []
    count = 0
    for views in images:
        scores = [view.face.score for view in views]
        is_given = not scores or scores[0] is None
        first = None if is_given else first_candidates(_boxes(views), np.array(scores, dtype=np.float64))
        group.append((views, first))
        count += len(views if first is None else first)
        del views
        if count >= batch_size:
            yield group
            group, count = [], 0
    if group:
        yield group


def _selected(faces: list[Face3D], min_confidence: float) -> list[Face3D]:
    boxes = (
        box_around(np.stack([face.landmarks for face in faces])) if faces else np.zeros((0, 4), np.float32)
    )
    confidence = _mean_confidence(faces)
    certainty = np.array([face.certainty for face in faces], dtype=np.float64)
    return [faces[index] for index in select_faces(boxes, confidence, certainty, min_confidence)]


def _mean_confidence(faces: list[Face3D]) -> npt.NDArray[np.float64]:
    return np.array([face.confidence.mean() for face in faces], dtype=np.float64)


def _boxes(views: list[FaceView]) -> npt.NDArray[np.float32]:
    return np.stack([view.face.box for view in views])
