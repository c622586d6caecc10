from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.crop import box_around
from face_alignment_3d.markup import FROM_68, INNER, MIRROR
from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
from face_alignment_3d.training.labels.agreement import (
    LabelSource,
    TeacherOffsets,
    fuse_labels,
    measure_offsets,
    teacher_labels,
)
from face_alignment_3d.training.labels.markup_offset import MarkupOffset
from tests.training.synthetic_faces import mean_face, posed_faces

COUNT = 40
MEAN = mean_face()[FROM_68]
NO_OFFSET = MarkupOffset(MEAN, np.zeros((66, 3)), np.full(66, 0.01))
SAME_MARKUP = TeacherOffsets(NO_OFFSET, NO_OFFSET)
RIGHT = np.array([1.0, 0.0, 0.0])


def _truth(count=COUNT):
    points = posed_faces(count, seed=8, yaw=25.0, pitch=10.0, roll=0.0)[0][:, FROM_68]
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    return points.astype(np.float32)


def _faces(*, yaw=0.0, disagreement=0.02, tddfa_off=0.0, mediapipe_off=0.0, count=COUNT):
    """Faces on which the teachers are right, but for an offset to the right in fractions of the size."""
    truth = _truth(count)
    size = np.sqrt(np.ptp(truth[..., :2], axis=1).prod(axis=1))[:, None, None]
    return TeacherLabelledFaces(
        Path("faces"),
        tuple(f"face_{i}" for i in range(count)),
        (truth + tddfa_off * size * RIGHT).astype(np.float32),
        (truth + mediapipe_off * size * RIGHT).astype(np.float32),
        np.full(count, yaw, np.float32),
        np.full(count, disagreement, np.float32),
    )


def _looks(*, spread=0.002, count=COUNT):
    """Four looks around the truth."""
    noise = np.random.default_rng(0).normal(size=(4, count, 66, 3))
    truth = _truth(count)
    size = np.sqrt(np.ptp(truth[..., :2], axis=1).prod(axis=1))[:, None, None]
    return (truth + spread * size * noise).astype(np.float32)


def _label_sources(fused_labels):
    return {LabelSource(int(label_source)) for label_source in fused_labels.label_source}


@pytest.mark.parametrize(
    ("faces", "spread", "label_source"),
    [
        ({}, 0.002, LabelSource.OWN),
        ({"yaw": -50.0}, 0.002, LabelSource.BLENDED),
        ({"tddfa_off": 0.2}, 0.002, LabelSource.TEACHERS),
        ({}, 0.2, LabelSource.TEACHERS),
        ({"disagreement": 0.2}, 0.2, LabelSource.REJECTED),
        ({"tddfa_off": 0.2, "disagreement": 0.2}, 0.002, LabelSource.REJECTED),
    ],
)
def test_label_sources_of_two(faces, spread, label_source):
    given = _faces(**faces)
    fused_labels = fuse_labels(_looks(spread=spread), given)
    assert _label_sources(fused_labels) == {label_source}
    assert np.isnan(fused_labels.from_mediapipe).all()
    believed = fused_labels.labels.weight_xy.any(axis=1)
    assert (believed == (label_source != LabelSource.REJECTED)).all()
    if label_source == LabelSource.TEACHERS:
        np.testing.assert_allclose(fused_labels.labels.points, teacher_labels(given).points, atol=1e-4)


def test_mediapipe_confirms_what_3ddfa_does_not():
    faces = _faces(tddfa_off=0.2, disagreement=0.2)
    looks = _looks()
    fused_labels = fuse_labels(looks, faces, offsets=SAME_MARKUP)
    assert _label_sources(fused_labels) == {LabelSource.OWN}
    # 3DDFA_V2 is far off: neither its jaw nor its z is mixed in.
    np.testing.assert_allclose(fused_labels.labels.points[..., :2], looks.mean(axis=0)[..., :2], atol=1e-4)
    own_z = fused_labels.own[..., 2] - fused_labels.own[..., 2].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(fused_labels.labels.points[..., 2], own_z, atol=1e-3)
    assert (fused_labels.labels.weight_xy > teacher_labels(faces).weight_xy).all()


def test_mediapipe_is_not_asked_about_turned_heads():
    faces = _faces(tddfa_off=0.2, disagreement=0.2, yaw=46.0)
    fused_labels = fuse_labels(_looks(), faces, offsets=SAME_MARKUP)
    assert _label_sources(fused_labels) == {LabelSource.REJECTED}
    assert np.isnan(fused_labels.from_mediapipe).all()


@pytest.mark.parametrize("wrong", [{"mediapipe_off": 0.2}, {}], ids=["far", "near, but the looks disagree"])
def test_what_mediapipe_cannot_save(wrong):
    faces = _faces(tddfa_off=0.2, disagreement=0.2, **wrong)
    fused_labels = fuse_labels(_looks(spread=0.002 if wrong else 0.2), faces, offsets=SAME_MARKUP)
    assert _label_sources(fused_labels) == {LabelSource.REJECTED}


def test_a_third_opinion_takes_nothing_away_from_two_that_agree():
    faces = _faces(mediapipe_off=0.2)
    looks = _looks()
    two, three = fuse_labels(looks, faces), fuse_labels(looks, faces, offsets=SAME_MARKUP)
    for without, with_third in zip(two.labels, three.labels, strict=True):
        np.testing.assert_array_equal(without, with_third)
    np.testing.assert_array_equal(two.label_source, three.label_source)


def test_the_offset_of_the_markups_is_measured_and_taken_out():
    """MediaPipe is right in its own markup, all of whose points lie 6 % of the face size lower."""
    faces = _faces(tddfa_off=0.01)
    shift = np.zeros((66, 3))
    shift[:, 1] = 0.06
    size = np.sqrt(np.ptp(_truth()[..., :2], axis=1).prod(axis=1))[:, None, None]
    off = replace(faces, mediapipe=(faces.mediapipe + size * shift).astype(np.float32))
    looks = _looks()
    offsets = measure_offsets(looks, off, MEAN)
    assert offsets is not None
    raw = fuse_labels(looks, off, offsets=SAME_MARKUP).from_mediapipe
    corrected = fuse_labels(looks, off, offsets=offsets).from_mediapipe
    assert raw.mean() > 0.05
    assert corrected.mean() < 0.25 * raw.mean()


@pytest.mark.parametrize(
    "faces",
    [{"count": 10}, {"yaw": 35.0}, {"disagreement": 0.2}, {"tddfa_off": 0.2}],
    ids=["few faces", "turned", "the teachers disagree", "3DDFA_V2 is elsewhere"],
)
def test_without_faces_that_all_agree_on_there_is_no_third_opinion(faces):
    assert measure_offsets(_looks(count=faces.get("count", COUNT)), _faces(**faces), MEAN) is None


def test_distances_are_fractions_of_the_face_size():
    faces = _faces(tddfa_off=0.03)
    fused_labels = fuse_labels(_looks(spread=0.0), faces)
    np.testing.assert_allclose(fused_labels.from_tddfa, 0.03, rtol=1e-3)
    np.testing.assert_allclose(fused_labels.spread, 0, atol=1e-6)
    noisy = fuse_labels(_looks(spread=0.01), faces)
    # The mean length of a Gaussian vector in space is 1.596 deviations; a mean of four takes a quarter of
    # the variance away.
    np.testing.assert_allclose(noisy.spread.mean(), 0.01 * 1.596 * np.sqrt(3 / 4), rtol=0.05)
    assert noisy.own[:, INNER].dtype == np.float32


def test_the_3d_teachers_own_markup_is_not_mixed_into_turned_heads():
    """3DDFA_V2 is right in a markup whose points lie 2 % to 3 % elsewhere, on fronts and on turned heads."""
    shift = np.random.default_rng(5).normal(size=(66, 3)) * 0.02
    shift = (shift + shift[MIRROR] * [-1, 1, 1]) / 2 * [1, 1, 0]
    faces = _faces()
    scale, rotation, _ = umeyama(np.broadcast_to(MEAN, faces.tddfa.shape), faces.tddfa.astype(float))
    x0, y0, x1, y1 = box_around(MEAN)
    size = scale[:, None, None] * np.sqrt((x1 - x0) * (y1 - y0))
    off = replace(
        faces, tddfa=(faces.tddfa + size * (shift @ rotation.transpose(0, 2, 1))).astype(np.float32)
    )
    looks = _looks(spread=0.0005)
    offsets = measure_offsets(looks, off, MEAN)
    assert offsets is not None
    turned = replace(off, yaw=np.full(COUNT, 70.0, np.float32))  # Half of the label is the teacher's.
    errors = [
        np.linalg.norm(
            (fuse_labels(looks, turned, offsets=o).labels.points - _truth())[..., :2], axis=-1
        ).mean()
        for o in (None, offsets)
    ]
    assert errors[1] < 0.3 * errors[0]


@pytest.mark.parametrize(("mediapipe_off", "doubted"), [(0.1, True), (0.0, False)])
def test_a_point_that_nobody_else_sees_there_weighs_less(mediapipe_off, doubted):
    faces = _faces()
    size = np.sqrt(np.ptp(_truth()[..., :2], axis=1).prod(axis=1))
    for teacher, off in ((faces.tddfa, 0.1), (faces.mediapipe, mediapipe_off)):
        teacher[:, 50, 1] += off * size
    fused_labels = fuse_labels(_looks(), faces, offsets=SAME_MARKUP)
    assert _label_sources(fused_labels) == {LabelSource.OWN}
    weight = fused_labels.labels.weight_xy
    assert ((weight[:, 50] < 0.5 * weight[:, 49]) == doubted).all()
    assert (weight[:, 50] > 0).all()
