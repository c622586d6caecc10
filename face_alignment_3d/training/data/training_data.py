"""The samples of a run: read once, held in memory, split into training and validation."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.datasets.novel_views import (
    PSEUDO_LABELLED,
    NovelViews,
    open_novel_views,
    view_source,
)
from face_alignment_3d.training.data.datasets.photos68 import make_samples, open_photos68
from face_alignment_3d.training.data.datasets.teachers import (
    TeacherLabelledFaces,
    open_teacher_labelled_faces,
)
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.data.teacher_labelled_photos import read_shrunk
from face_alignment_3d.training.engine.batches import Pool
from face_alignment_3d.training.labels.agreement import teacher_labels
from face_alignment_3d.training.labels.face_model import load_face_model
from face_alignment_3d.training.labels.labels import Labels, load_labels, scaled
from face_alignment_3d.training.labels.lifting import lift
from face_alignment_3d.training.recipes.config import RunConfig

#: Hand-labelled sets to train on. AFW is left for evaluation and must never be listed here.
HAND_LABELLED = ("helen_train", "lfpw_train")
_HELD_OUT_TURNED = 100
_TURNED_YAW = 25.0


@dataclass(frozen=True, eq=False)
class TeacherLabelledImages:
    """The faces that teachers have labelled, shrunk, and the factor that each was shrunk by."""

    faces: TeacherLabelledFaces
    images: Sequence[npt.NDArray[np.uint8]]
    scales: npt.NDArray[np.float32]
    """(N,)"""

    def samples(self, labels: Labels) -> list[Sample]:
        """One sample a face, in the pixels of the shrunk photos; weights may be zero."""
        return [
            Sample(name, image, scaled(points, float(scale)), weight_xy, weight_z)
            for name, image, scale, points, weight_xy, weight_z in zip(
                self.faces.names,
                self.images,
                self.scales,
                labels.points,
                labels.weight_xy,
                labels.weight_z,
                strict=True,
            )
        ]

    def held_out(self) -> npt.NDArray[np.bool_]:
        """(N,): the turned faces that are kept for validation, evenly spread over the list."""
        candidates = np.flatnonzero((np.abs(self.faces.yaw) > _TURNED_YAW) & self.faces.teachers_agree())
        chosen = np.zeros(len(self.faces.names), dtype=bool)
        chosen[candidates[:: max(1, len(candidates) // _HELD_OUT_TURNED)]] = True
        return chosen


@dataclass(frozen=True, eq=False)
class DerivedData:
    """What was made of the photos before a run: pseudo-labels, and views from other sides."""

    pseudo_labels: Labels
    """Of all teacher-labelled faces, in their order."""
    hand_labelled_novel_views: list[Sample]
    teacher_labelled_novel_views: list[Sample]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a run trains on and is validated with."""

    hand: list[Sample]
    teacher_labelled: TeacherLabelledImages
    validation: dict[str, list[Sample]]
    derived_data: "DerivedData | None" = None

    def pools(self, config: RunConfig, labels: Labels, *, teacher_labelled_share: float) -> list[Pool]:
        """The hand-labelled photos and, with their share of a batch, the faces that ``labels`` speaks of.

        Turned photos, where there are any, take their shares from those of the hand-labelled ones.
        """
        held_out = self.teacher_labelled.held_out()
        usable = np.flatnonzero((labels.weight_xy.max(axis=1) > 0) & ~held_out)
        sampling_weights = np.where(
            np.abs(self.teacher_labelled.faces.yaw[usable]) > _TURNED_YAW, config.turned_factor, 1.0
        )
        samples = self.teacher_labelled.samples(labels)
        pools = [
            Pool(
                [samples[i] for i in usable],
                teacher_labelled_share,
                sampling_weights / sampling_weights.sum(),
            )
        ]
        if self.derived_data is not None:
            for turned, share in (
                (self.derived_data.hand_labelled_novel_views, config.hand_labelled_novel_views_share),
                (self.derived_data.teacher_labelled_novel_views, config.teacher_labelled_novel_views_share),
            ):
                if turned and share > 0:
                    pools.append(_evenly(turned, share))
        return [_evenly(self.hand, 1.0 - sum(pool.share for pool in pools)), *pools]


def load_training_data(data: Path, config: RunConfig, derived_data: Path | None = None) -> TrainingData:
    """Reads all photos below ``data`` and lifts the hand-made labels: about a minute and 3 GB in full.

    ``derived_data`` is a folder that ``face-alignment-3d train-data`` wrote to; with it, another minute and 3
    GB.
    """
    model = load_face_model(data)
    hand: list[Sample] = []
    names: list[str] = []
    for name in HAND_LABELLED:
        photos = open_photos68(data, name)
        names += [f"{name}/{stem}" for stem in photos.names]
        hand += make_samples(photos, lift(photos.points68, model), face_size=config.face_size)
    faces = open_teacher_labelled_faces(data)
    teacher_labelled = TeacherLabelledImages(faces, *read_shrunk(faces, face_size=config.face_size))
    held_out = teacher_labelled.held_out()
    teacher_labelled_samples = teacher_labelled.samples(teacher_labels(teacher_labelled.faces))
    validation = {
        "hand": hand[:: config.holdout_every],
        "turned": [sample for sample, out in zip(teacher_labelled_samples, held_out, strict=True) if out],
    }
    training = [sample for i, sample in enumerate(hand) if i % config.holdout_every]
    if derived_data is None:
        return TrainingData(training, teacher_labelled, validation)
    return TrainingData(
        training,
        teacher_labelled,
        validation,
        _read_derived_data(derived_data, teacher_labelled, withheld=set(names[:: config.holdout_every])),
    )


def _evenly(samples: list[Sample], share: float) -> Pool:
    return Pool(samples, share, np.full(len(samples), 1 / len(samples)))


def _read_derived_data(
    derived_data: Path, teacher_labelled: TeacherLabelledImages, *, withheld: set[str]
) -> DerivedData:
    """Leaves out every view of a photo that is held out."""
    hand_labelled_novel_views: list[Sample] = []
    for name in HAND_LABELLED:
        views = open_novel_views(derived_data, name)
        hand_labelled_novel_views += _read_views(
            views, [i for i, source in enumerate(views.sources) if f"{name}/{source}" not in withheld]
        )
    out = teacher_labelled.held_out()
    stems = {
        view_source(name) for name, hidden in zip(teacher_labelled.faces.names, out, strict=True) if hidden
    }
    views = open_novel_views(derived_data, PSEUDO_LABELLED)
    teacher_labelled_novel_views = _read_views(
        views, [i for i, source in enumerate(views.sources) if source not in stems]
    )
    names = teacher_labelled.faces.names
    labels = load_labels(derived_data / "pseudo_labels.npz", count=len(names), names=names)
    return DerivedData(labels, hand_labelled_novel_views, teacher_labelled_novel_views)


def _read_views(views: NovelViews, indices: Sequence[int]) -> list[Sample]:
    with ThreadPoolExecutor() as executor:
        return list(executor.map(views.sample, indices))
