"""Finds the faces among the candidates of several images, with the landmark network as the judge."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.judging import faces_among, first_looks, second_looks
from face_alignment_3d.face import Face3D
from face_alignment_3d.face_views import FaceView
from face_alignment_3d.image_batches import dealt

_Look = Callable[[list[FaceView]], list[Face3D]]


def judged_faces(
    images: Iterable[list[FaceView]], look: _Look, *, batch_size: int, min_confidence: float
) -> Iterator[list[Face3D]]:
    """The faces of each image, given the views of its candidates, or of the caller's boxes.

    ``look`` runs the network. It first sees the likeliest candidates, of several images until there are
    ``batch_size`` of them, then those of the others that may still be faces;
    :mod:`face_alignment_3d.detection.judging` has the rules, the order of the faces and ``min_confidence``. A
    caller's boxes are not judged.
    """
    for group in _groups(images, batch_size):
        firsts = [_first(views) for views in group]
        faces = dealt(look([v[i] for v, of in zip(group, firsts, strict=True) for i in of]), map(len, firsts))
        seconds = [
            second_looks(_boxes(views), first, np.array([face.confidence.mean() for face in seen]))
            if _are_candidates(views)
            else first[:0]
            for views, first, seen in zip(group, firsts, faces, strict=True)
        ]
        more = dealt(
            look([v[i] for v, of in zip(group, seconds, strict=True) for i in of]), map(len, seconds)
        )
        for views, seen, seen_later in zip(group, faces, more, strict=True):
            yield _judged([*seen, *seen_later], min_confidence) if _are_candidates(views) else seen
        del group, views  # Their crops need not outlive them while the next ones are made.


def _groups(images: Iterable[list[FaceView]], batch_size: int) -> Iterator[list[list[FaceView]]]:
    """Images that have at least ``batch_size`` views to look at first together; fewer in the last group."""
    group: list[list[FaceView]] = []
    count = 0
    for views in images:
        group.append(views)
        count += len(_first(views))
        del views
        if count >= batch_size:
            yield group
            group, count = [], 0
    if group:
        yield group


def _first(views: list[FaceView]) -> npt.NDArray[np.int64]:
    if not _are_candidates(views):
        return np.arange(len(views), dtype=np.int64)
    return first_looks(_boxes(views), np.array([view.face.score for view in views], dtype=np.float64))


def _judged(faces: list[Face3D], min_confidence: float) -> list[Face3D]:
    boxes = (
        box_around(np.stack([face.landmarks for face in faces])) if faces else np.zeros((0, 4), np.float32)
    )
    confidence = np.array([face.confidence.mean() for face in faces], dtype=np.float64)
    certainty = np.array([face.certainty for face in faces], dtype=np.float64)
    return [faces[index] for index in faces_among(boxes, confidence, certainty, min_confidence)]


def _are_candidates(views: list[FaceView]) -> bool:
    """True for a detector's views, False for those of boxes that the caller gave."""
    return bool(views) and views[0].face.score is not None


def _boxes(views: list[FaceView]) -> npt.NDArray[np.float32]:
    return np.stack([view.face.box for view in views])
