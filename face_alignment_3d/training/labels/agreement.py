"""Whom to believe: several looks of our own networks, and what two teachers say of the same faces.

A face's own points, the mean over all looks, are kept when the looks agree with each other and one of the
teachers confirms them: 3DDFA_V2 on any head, MediaPipe on heads turned by less than 45 degrees and after the
offset between the markups has been taken out. Else the teachers' points stand if those agree with each other;
else nothing does.

Both teachers mark some points elsewhere than our networks, which learned it from hands. Where those offsets
have been measured they are taken out first, so that a teacher's share in a turned head's label does not
move it.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.markup import INNER
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
from face_alignment_3d.training.labels.labels import Floats, Labels
from face_alignment_3d.training.labels.markup_offset import MIN_FACES, MarkupOffset, measure_offset

_TEACHER_XY: Final = 0.3
_TEACHER_Z: Final = 0.5
_OWN_XY: Final = 0.7
_OWN_Z: Final = 0.5
# All distances below are fractions of the face size, the root of the area of the teacher's box.
_MAX_SPREAD: Final = 0.022
_NEAR_TEACHER: Final = 0.055
#: Beyond 50 degrees of yaw the box is narrow, and the same pixels are more of it.
_NEAR_TEACHER_TURNED: Final = 0.08
_TURNED: Final = 50.0
#: Own inner points count alone up to the first angle, and half from the middle between both on.
_NEAR_YAW, _FAR_YAW = 35.0, 65.0
_MEDIAPIPE_YAW: Final = 45.0
_NEAR_MEDIAPIPE: Final = 0.04
#: A single point that is farther than this from both teachers' is doubted, at the second distance fully.
_POINT_NEAR, _POINT_FAR = 0.03, 0.09
#: Faces to measure the markups' offset on: near the front, where the own points are the sharpest.
_FRONT: Final = 30.0
_JAW: Final = slice(0, 17)


class LabelSource(IntEnum):
    """What a face's label was made of, from nothing to the own points."""

    REJECTED = 0
    """Nobody agrees with anybody; all weights are zero."""
    TEACHERS = 1
    """3DDFA_V2's points: the own ones are unsteady or far from both teachers, who agree with each other."""
    BLENDED = 2
    """The own points with a share of 3DDFA_V2's, because the head is turned."""
    OWN = 3
    """The own inner points; the jaw is half 3DDFA_V2's."""


@dataclass(frozen=True, eq=False)
class TeacherOffsets:
    """How the teachers' markups differ from the own one."""

    tddfa: MarkupOffset
    mediapipe: MarkupOffset

    def removed_from_tddfa(self, faces: TeacherLabelledFaces) -> TeacherLabelledFaces:
        """The faces with 3DDFA_V2's x, y in the own markup; its own points say how the heads are turned."""
        tddfa = faces.tddfa.copy()
        tddfa[..., :2] = self.tddfa.removed(faces.tddfa, faces.tddfa)
        return replace(faces, tddfa=tddfa)


@dataclass(frozen=True, eq=False)
class FusedLabels:
    """Labels of N faces, and how they came about."""

    labels: Labels
    own: Floats
    """(N, 66, 3): the mean over all looks, kept or not."""
    label_source: npt.NDArray[np.int8]
    """(N,) of :class:`LabelSource`."""
    spread: Floats
    """(N,): mean distance of the looks' inner points from their mean, in x, y, z, over the face size."""
    from_tddfa: Floats
    """(N,): mean distance of the own inner points from 3DDFA_V2's, in x, y, over the face size; with
    the markups' offset taken out if it was known."""
    from_mediapipe: Floats
    """(N,): the same from MediaPipe's; NaN where it was not asked."""


def teacher_labels(faces: TeacherLabelledFaces) -> Labels:
    """3DDFA_V2's points, with weights of zero where the teachers disagree."""
    agree = faces.teachers_agree().astype(np.float32)[:, None]
    ones = np.ones((1, faces.tddfa.shape[1]), dtype=np.float32)
    return Labels(faces.tddfa, _TEACHER_XY * agree * ones, _TEACHER_Z * agree * ones)


def measure_offsets(
    looks: Floats, faces: TeacherLabelledFaces, mean_face: npt.NDArray[np.floating]
) -> TeacherOffsets | None:
    """The offsets of the teachers' markups from the own one; None with fewer than 20 faces to measure them
    on.

    ``looks`` are (V, N, 66, 3). Measured on the faces near the front on which the looks, 3DDFA_V2 and
    MediaPipe agree; ``mean_face`` (66, 3) is a frontal face in any unit.
    """
    own, spread, from_tddfa = _compare(looks, faces)
    agree = _confirmed(spread, from_tddfa, faces) & faces.teachers_agree() & (np.abs(faces.yaw) < _FRONT)
    if agree.sum() < MIN_FACES:
        return None
    return TeacherOffsets(
        measure_offset(faces.tddfa[agree], own[agree], mean_face),
        measure_offset(faces.mediapipe[agree], own[agree], mean_face),
    )


def fuse_labels(
    looks: Floats, faces: TeacherLabelledFaces, *, offsets: TeacherOffsets | None = None
) -> FusedLabels:
    """Joins (V, N, 66, 3) predictions of N faces, in the teachers' pixels, with what the teachers say.

    Without ``offsets`` 3DDFA_V2's points are taken as they are and MediaPipe is not asked.
    """
    if offsets is not None:
        faces = offsets.removed_from_tddfa(faces)
    own, spread, from_tddfa = _compare(looks, faces)
    turned = np.abs(faces.yaw)
    by_tddfa = _confirmed(spread, from_tddfa, faces)
    from_mediapipe = np.full(spread.shape, np.nan, dtype=np.float32)
    by_mediapipe = np.zeros(len(own), dtype=bool)
    unsure = np.clip(spread / _MAX_SPREAD, 0.0, 1.0)
    if offsets is not None:
        asked = turned < _MEDIAPIPE_YAW
        third = offsets.mediapipe.removed(faces.mediapipe, own)
        away = np.linalg.norm(third - own[..., :2], axis=-1) / _face_size(faces)
        from_mediapipe[asked, INNER] = away[asked, INNER]
        by_mediapipe = asked & _steady(spread) & (away[:, INNER].mean(axis=1) < _NEAR_MEDIAPIPE)
        nearest = np.fmin(from_tddfa, from_mediapipe)
        unsure = np.maximum(unsure, np.clip((nearest - _POINT_NEAR) / (_POINT_FAR - _POINT_NEAR), 0.0, 1.0))
    kept = by_tddfa | by_mediapipe

    # Near the front the own inner points are the sharpest; towards profile the teacher has seen more.
    trust = np.clip((_FAR_YAW - turned) / (_FAR_YAW - _NEAR_YAW), 0.5, 1.0)[:, None, None]
    share = np.repeat(trust, own.shape[1], axis=1).astype(np.float32)
    share[:, _JAW] = 0.5
    share_z = np.full(len(own), 0.5, dtype=np.float32)
    # A teacher that is out of the question elsewhere in the face is not asked for its jaw and depth either.
    alone = by_mediapipe & ~by_tddfa
    share[alone], share_z[alone] = 1.0, 1.0
    blended = share * own + (1 - share) * faces.tddfa
    blended[..., 2] = share_z[:, None] * own[..., 2] + (1 - share_z[:, None]) * faces.tddfa[..., 2]

    teacher_points, teacher_xy, teacher_z = teacher_labels(faces)
    points = np.where(kept[:, None, None], blended, teacher_points)
    weight_xy = np.where(kept[:, None], _OWN_XY * (1 - 0.6 * unsure), teacher_xy)
    weight_z = np.where(kept[:, None], _OWN_Z, teacher_z)
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    labels = Labels(points.astype(np.float32), weight_xy.astype(np.float32), weight_z.astype(np.float32))

    label_source = np.where(faces.teachers_agree(), LabelSource.TEACHERS, LabelSource.REJECTED)
    label_source[kept] = np.where((trust[:, 0, 0] == 1.0) | alone, LabelSource.OWN, LabelSource.BLENDED)[kept]
    return FusedLabels(
        labels,
        own.astype(np.float32),
        label_source.astype(np.int8),
        spread[:, INNER].mean(axis=1).astype(np.float32),
        from_tddfa[:, INNER].mean(axis=1).astype(np.float32),
        from_mediapipe[:, INNER].mean(axis=1),
    )


def _compare(looks: Floats, faces: TeacherLabelledFaces) -> tuple[Floats, Floats, Floats]:
    """Mean (N, 66, 3), spread (N, 66) and distance from 3DDFA_V2 in x, y (N, 66), over the face size."""
    own: Floats = looks.mean(axis=0)
    size = _face_size(faces)
    spread = np.linalg.norm(looks - own, axis=-1).mean(axis=0) / size
    from_tddfa = np.linalg.norm(own[..., :2] - faces.tddfa[..., :2], axis=-1) / size
    return own, spread, from_tddfa


def _face_size(faces: TeacherLabelledFaces) -> Floats:
    """(N, 1): the root of the area of 3DDFA_V2's box, pixels."""
    boxes = box_around(faces.tddfa)
    size: Floats = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))[:, None]
    return size


def _steady(spread: Floats) -> npt.NDArray[np.bool_]:
    steady: npt.NDArray[np.bool_] = spread[:, INNER].mean(axis=1) < _MAX_SPREAD
    return steady


def _confirmed(spread: Floats, from_tddfa: Floats, faces: TeacherLabelledFaces) -> npt.NDArray[np.bool_]:
    """The looks agree, and 3DDFA_V2 with them."""
    limit = np.where(np.abs(faces.yaw) > _TURNED, _NEAR_TEACHER_TURNED, _NEAR_TEACHER)
    near: npt.NDArray[np.bool_] = from_tddfa[:, INNER].mean(axis=1) < limit
    return _steady(spread) & near
