"""Labels mixed with a teacher's predictions, for a smaller network to learn."""

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.datasets.novel_views import NovelViews
from face_alignment_3d.training.labels.label_composer import Fusion
from face_alignment_3d.training.labels.teacher_predictions import TeacherPredictions
from face_alignment_3d.training.labels.views import Floats

#: A teacher so far from a label, over the face's size, counts exp(-1) of what one does that agrees: it is
#: likelier to be lost than right.
_APART: Final = 0.05
#: Weight of the teacher's visibility over that of its points; somebody who looked at the point has 1.
VISIBILITY_SHARE: Final = 0.5


def distilled_labels(
    labels: Fusion, teacher: TeacherPredictions, weight: float, *, left_out: npt.NDArray[np.intp]
) -> Fusion:
    """Labels moved towards the teacher's predictions, but for the faces ``left_out``.

    A point becomes the mean of both, the label with its own weight and the teacher with ``weight``, or less
    where the two are far apart; the new weight is the larger one. So do z and visibility. A face whose
    label has no weight stays as it is.
    """
    points, weight_xy, weight_z = _mixed_points(
        labels.points, labels.weight_xy, labels.weight_z, teacher.points, weight
    )
    visible, weight_visible = _mixed(
        labels.visible, labels.weight_visible, teacher.visibility, VISIBILITY_SHARE * weight
    )
    untouched = labels.weight_xy.max(axis=1) == 0
    untouched[left_out] = True
    return dataclasses.replace(
        labels,
        points=np.where(untouched[:, None, None], labels.points, points),
        weight_xy=np.where(untouched[:, None], labels.weight_xy, weight_xy),
        weight_z=np.where(untouched[:, None], labels.weight_z, weight_z),
        visible=np.where(untouched[:, None], labels.visible, visible),
        weight_visible=np.where(untouched[:, None], labels.weight_visible, weight_visible),
    )


def distilled_views(views: NovelViews, teacher: TeacherPredictions, weight: float) -> NovelViews:
    """The same of views turned out of plane, whose labels all have full weight."""
    ones = np.ones(views.visible.shape, dtype=np.float32)
    points, _, _ = _mixed_points(views.points, ones, ones, teacher.points, weight)
    visible, weight_visible = _mixed(
        views.visible, views.weight_visible, teacher.visibility, VISIBILITY_SHARE * weight
    )
    return dataclasses.replace(views, points=points, visible=visible, weight_visible=weight_visible)


def _mixed_points(
    points: Floats, weight_xy: Floats, weight_z: Floats, predicted: Floats, weight: float
) -> tuple[Floats, Floats, Floats]:
    size = np.sqrt(np.prod(np.ptp(points[..., :2], axis=1), axis=-1))[:, None]
    apart = np.linalg.norm(predicted - points, axis=-1) / np.maximum(size, 1e-6)
    of_teacher = (weight * np.exp(-np.square(apart / _APART))).astype(np.float32)
    xy, mixed_weight_xy = _mixed(
        points[..., :2], weight_xy[..., None], predicted[..., :2], of_teacher[..., None]
    )
    z, mixed_weight_z = _mixed(points[..., 2], weight_z, predicted[..., 2], of_teacher)
    z = z - z.mean(axis=1, keepdims=True)
    return np.concatenate([xy, z[..., None]], axis=-1), mixed_weight_xy[..., 0], mixed_weight_z


def _mixed(
    label: Floats, weight: Floats, predicted: Floats, teacher_weight: Floats | float
) -> tuple[Floats, Floats]:
    total = np.maximum(weight + teacher_weight, 1e-6)
    mean = (weight * label + teacher_weight * predicted) / total
    # Where nobody knows anything, the label stays.
    known = np.broadcast_to(weight + teacher_weight > 1e-6, mean.shape)
    return (
        np.where(known, mean, label).astype(np.float32),
        np.maximum(weight, teacher_weight).astype(np.float32),
    )
