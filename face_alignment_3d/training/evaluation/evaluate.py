"""Evaluation through the public aligner, as a user calls it, against the labels of a set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.errors import DataError
from face_alignment_3d.face import Face3D
from face_alignment_3d.training.data.perturbation import PERTURBATIONS, Perturbation
from face_alignment_3d.training.evaluation.report import Report
from face_alignment_3d.training.evaluation.summary import summarize
from face_alignment_3d.training.evaluation.truth import LabelledSet

#: A labelled face counts as found when a detection's box overlaps its reference box by more than this (IoU).
FOUND_OVERLAP: Final = 0.4
#: Photos in memory at a time.
_CHUNK: Final = 32


class Aligner(Protocol):
    """The part of :class:`face_alignment_3d.FaceAligner3D` that an evaluation uses."""

    def detect_batch(
        self,
        images: Sequence[npt.NDArray[np.uint8]],
        *,
        boxes: Sequence[npt.NDArray[np.float32] | None] | None = None,
    ) -> list[list[Face3D]]:
        """The faces of each image."""
        ...


@dataclass(frozen=True, eq=False)
class Predictions:
    """The results of an aligner for N photos with one labelled face each."""

    given: tuple[Face3D, ...]
    """(N,): from the reference boxes."""
    perturbed: Mapping[Perturbation, npt.NDArray[np.float32]]
    """(N, 66, 3) landmarks each, from perturbed reference boxes."""
    found: tuple[Face3D | None, ...]
    """(N,): of the faces that the aligner's own detector found, the one that overlaps the reference box most;
    None where that is too little."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The predictions, and the report on them."""

    predictions: Predictions
    report: Report


def evaluate(
    aligner: Aligner,
    labelled: LabelledSet,
    *,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Aligns each photo with its reference box, perturbed copies of it, and the aligner's own detector.

    The reference boxes are those of the truth. ``seed`` decides where boxes are shifted.
    ``progress`` is called with the number of photos just done.

    Raises :class:`DataError` when there are no photos and :class:`face_alignment_3d.errors.ImageError` for a
    photo that cannot be read.
    """
    if not len(labelled.truth):
        raise DataError("expected at least one photo to evaluate on; got none")
    predictions = _predict(aligner, labelled, seed, progress or (lambda done: None))
    report = summarize(
        labelled.truth,
        given=predictions.given,
        found=predictions.found,
        perturbed=predictions.perturbed,
        further=labelled.further,
    )
    return Evaluation(predictions, report)


def best_match(
    faces: Sequence[Face3D], reference_box: npt.NDArray[np.floating], *, overlap: float = FOUND_OVERLAP
) -> Face3D | None:
    """The face whose box overlaps the reference box (4,) most; None if no IoU is above ``overlap``."""
    if not faces:
        return None
    best = best_overlap(np.stack([face.box for face in faces]), reference_box, overlap=overlap)
    return None if best is None else faces[best]


def best_overlap(
    boxes: npt.NDArray[np.floating],
    reference_box: npt.NDArray[np.floating],
    *,
    overlap: float = FOUND_OVERLAP,
) -> int | None:
    """The index of the one of (F >= 1, 4) boxes that :func:`best_match` would take, or None."""
    overlaps = intersection_over_union(boxes, reference_box[None])[:, 0]
    best = int(overlaps.argmax())
    return best if overlaps[best] > overlap else None


def _predict(
    aligner: Aligner, labelled: LabelledSet, seed: int, progress: Callable[[int], object]
) -> Predictions:
    reference = labelled.truth.boxes
    given: list[Face3D] = []
    found: list[Face3D | None] = []
    perturbed: dict[Perturbation, list[npt.NDArray[np.float32]]] = {how: [] for how in PERTURBATIONS}
    for start in range(0, len(reference), _CHUNK):
        indices = range(start, min(start + _CHUNK, len(reference)))
        images = [labelled.image(index) for index in indices]
        # The exact box and its perturbed copies are faces of the same photo, so that one call does them all.
        boxes = [
            np.stack([reference[i], *(how.apply(reference[i], seed=(seed, i)) for how in PERTURBATIONS)])
            for i in indices
        ]
        for faces in aligner.detect_batch(images, boxes=boxes):
            given.append(faces[0])
            for how, face in zip(PERTURBATIONS, faces[1:], strict=True):
                perturbed[how].append(face.landmarks)
        detected = aligner.detect_batch(images)
        found += [best_match(faces, reference[i]) for i, faces in zip(indices, detected, strict=True)]
        progress(len(indices))
    return Predictions(
        tuple(given), {how: np.stack(landmarks) for how, landmarks in perturbed.items()}, tuple(found)
    )
