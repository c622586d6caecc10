"""The samples of a run: read once, held in memory, split into training and validation."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.datasets.face_sets import (
    AFLW_SET,
    HAND_LABELLED,
    TEACHER_LABELLED,
    FaceSet,
    open_training_sets,
)
from face_alignment_3d.training.data.datasets.novel_views import (
    PSEUDO_LABELLED,
    open_novel_views,
)
from face_alignment_3d.training.data.datasets.photos68 import shrink_to_face
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import Pool
from face_alignment_3d.training.labels.distillation import distilled_labels, distilled_views
from face_alignment_3d.training.labels.fused_labels import load_fused_labels
from face_alignment_3d.training.labels.label_composer import Fusion
from face_alignment_3d.training.labels.teacher_predictions import (
    Teacher,
    load_teacher_predictions,
    photos_digest,
    views_key,
)
from face_alignment_3d.training.recipes.config import RunConfig

#: One in so many AFLW faces is kept for validation.
_AFLW_HOLDOUT_EVERY: Final = 40
_TURNED_YAW, _PROFILE_YAW = 25.0, 60.0
#: The relative frequency of a face with MERL-RAV's points, where one with AFLW's 21 alone has 1.
_MERL_FACTOR: Final = 1.5
#: Faces whose z has more than this weight tell the shape prior.
_KNOWN_SHAPE: Final = 0.5


@dataclass(frozen=True, eq=False)
class SampleGroup:
    """Samples of one kind, with the relative frequency at which each is drawn."""

    samples: Sequence[Sample]
    frequency: npt.NDArray[np.float64]
    """(len(samples),)"""

    def pool(self, share: float) -> Pool:
        """The group as a pool, with its share of a batch."""
        return Pool(self.samples, share, self.frequency / self.frequency.sum())


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The training and validation samples of a run."""

    groups: dict[str, SampleGroup]
    """By kind: ``"hand"``, ``"aflw"``, ``"teachers"``, ``"views_of_hand"``, ``"views_of_teachers"``."""
    validation: dict[str, list[Sample]]
    """``"hand"``, ``"aflw"`` and, of those, ``"profile"``."""
    shapes: npt.NDArray[np.float32]
    """(M, 66, 3): labels in 3D, for the shape prior."""
    teacher: Mapping[str, Any] | None = None
    """Source of the predictions that are part of the labels; None where there are none."""

    def pools(self, config: RunConfig) -> list[Pool]:
        """Each group that is not empty with its share of a batch."""
        shares = config.shares.as_dict()
        return [
            group.pool(shares[kind])
            for kind, group in self.groups.items()
            if group.samples and shares[kind] > 0
        ]


def load_training_data(data: Path, derived_data: Path, config: RunConfig) -> TrainingData:
    """Reads all photos below ``data``, the fused labels and the novel views below ``derived_data``.

    Where ``config.teacher_weight`` is above 0 and no teacher sees the crops themselves, the labels that are
    trained on are mixed with a teacher's predictions, which must be there too; those that are held out are
    not. About a minute and 4 GB in full. Raises :class:`DataError` for what is missing, and for labels or
    predictions that were made for other photos.
    """
    labels = load_fused_labels(derived_data)
    sets = {faces.name: faces for faces in open_training_sets(data)}
    fused = {name: labels.of(faces) for name, faces in sets.items()}
    predicted = config.teacher_weight > 0 and config.teacher is None
    teacher = load_teacher_predictions(derived_data) if predicted else None

    names = [f"{name}/{file.stem}" for name in HAND_LABELLED for file in sets[name].files]
    held_out = set(range(0, len(names), config.holdout_every))
    withheld = {names[index] for index in held_out}

    of_aflw = fused[AFLW_SET]
    usable = np.flatnonzero(of_aflw.weight_xy.max(axis=1) > 0)
    kept_back = usable[::_AFLW_HOLDOUT_EVERY]
    usable = np.setdiff1d(usable, kept_back)
    profile = kept_back[np.abs(of_aflw.yaw[kept_back]) > _PROFILE_YAW]

    if teacher is not None:
        first = 0
        left_out = {name: np.arange(0) for name in sets} | {AFLW_SET: kept_back}
        for name in HAND_LABELLED:
            of_set = np.array(sorted(held_out)) - first
            left_out[name] = of_set[(of_set >= 0) & (of_set < len(sets[name]))]
            first += len(sets[name])
        for name, faces in sets.items():
            predictions = teacher.of(name, photos_digest(faces.digests()))
            fused[name] = distilled_labels(
                fused[name], predictions, config.teacher_weight, left_out=left_out[name]
            )
    samples = {name: _read(faces, fused[name], config.face_size) for name, faces in sets.items()}
    hand = [sample for name in HAND_LABELLED for sample in samples[name]]
    aflw = samples[AFLW_SET]

    teachers, of_teachers = samples[TEACHER_LABELLED], fused[TEACHER_LABELLED]
    trusted = np.flatnonzero(of_teachers.weight_xy.max(axis=1) > 0)
    known = {name: fusion.weight_z.max(axis=1) > _KNOWN_SHAPE for name, fusion in fused.items()}
    known[AFLW_SET][kept_back] = False

    def views(sets: Sequence[str], withheld: set[str]) -> list[Sample]:
        return _read_views(derived_data, sets, withheld, teacher, config.teacher_weight)

    return TrainingData(
        groups={
            "hand": _evenly([sample for index, sample in enumerate(hand) if index not in held_out]),
            "aflw": SampleGroup(
                [aflw[index] for index in usable],
                _turned_factor(of_aflw.yaw[usable], config)
                * np.where(of_aflw.weight_visible[usable].max(axis=1) > 0, _MERL_FACTOR, 1.0),
            ),
            "teachers": SampleGroup(
                [teachers[index] for index in trusted], _turned_factor(of_teachers.yaw[trusted], config)
            ),
            "views_of_hand": _evenly(views(HAND_LABELLED, withheld)),
            "views_of_teachers": _evenly(views((PSEUDO_LABELLED,), set())),
        },
        validation={
            "hand": [hand[index] for index in sorted(held_out)],
            "aflw": [aflw[index] for index in kept_back],
            "profile": [aflw[index] for index in profile],
        },
        shapes=np.concatenate([fusion.points[known[name]] for name, fusion in fused.items()]),
        teacher=None if teacher is None else teacher.source,
    )


def _read(faces: FaceSet, fusion: Fusion, face_size: int) -> list[Sample]:
    def sample(index: int) -> Sample:
        image, points = shrink_to_face(faces.image(index), fusion.points[index], face_size=face_size)
        return Sample(
            f"{faces.name}/{faces.files[index].stem}",
            image,
            points,
            fusion.weight_xy[index],
            fusion.weight_z[index],
            fusion.visible[index],
            fusion.weight_visible[index],
        )

    with ThreadPoolExecutor() as executor:
        return list(executor.map(sample, range(len(faces))))


def _read_views(
    derived_data: Path, sets: Sequence[str], withheld: set[str], teacher: Teacher | None, weight: float
) -> list[Sample]:
    """The novel views of all photos but those that are held out."""
    found: list[Sample] = []
    for name in sets:
        views = open_novel_views(derived_data, name)
        if teacher is not None:
            views = distilled_views(views, teacher.of(views_key(name), views.digest()), weight)
        chosen = [i for i, source in enumerate(views.sources) if f"{name}/{source}" not in withheld]
        with ThreadPoolExecutor() as executor:
            found += executor.map(views.sample, chosen)
    return found


def _turned_factor(yaw: npt.NDArray[np.float32], config: RunConfig) -> npt.NDArray[np.float64]:
    turned = np.abs(yaw)
    return np.select(
        [turned > _PROFILE_YAW, turned > _TURNED_YAW], [config.profile_factor, config.turned_factor], 1.0
    )


def _evenly(samples: Sequence[Sample]) -> SampleGroup:
    return SampleGroup(samples, np.ones(len(samples)))
