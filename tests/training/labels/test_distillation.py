import numpy as np
import pytest

from face_alignment_3d.training.data.datasets.novel_views import NovelViews
from face_alignment_3d.training.labels.distillation import distilled_labels, distilled_views
from face_alignment_3d.training.labels.label_composer import Fusion
from face_alignment_3d.training.labels.teacher_predictions import TeacherPredictions

N = 3
RNG = np.random.default_rng(0)
#: A face of 100 x 100 px.
POINTS = RNG.uniform(0, 100, (N, 66, 3)).astype(np.float32)
POINTS[:, :2, :2] = [[0, 0], [100, 100]]
POINTS[..., 2] -= POINTS[..., 2].mean(axis=1, keepdims=True)
NOBODY = np.arange(0)


def labels(weight_xy=1.0, weight_z=1.0, visible=1.0, weight_visible=0.0):
    def full(value):
        return np.full((N, 66), value, dtype=np.float32)

    zeros = np.zeros(N, dtype=np.float32)
    return Fusion(
        POINTS, full(weight_xy), full(weight_z), full(visible), full(weight_visible), zeros, zeros, zeros
    )


def teacher(shift=(0.0, 0.0), visibility=0.25):
    points = POINTS + np.array([*shift, 0], dtype=np.float32)
    return TeacherPredictions(points, np.full((N, 66), visibility, dtype=np.float32), "digest")


@pytest.mark.parametrize(("weight_xy", "share"), [(1.0, 0.5), (0.25, 0.8), (3.0, 0.25)])
def test_a_point_moves_by_the_teachers_share(weight_xy, share):
    mixed = distilled_labels(labels(weight_xy), teacher((0.1, 0)), 1.0, left_out=NOBODY)
    np.testing.assert_allclose(mixed.points[..., 0] - POINTS[..., 0], 0.1 * share, atol=1e-3)
    np.testing.assert_allclose(mixed.points[..., 1:], POINTS[..., 1:], atol=1e-4)
    np.testing.assert_allclose(mixed.weight_xy, max(weight_xy, 1.0), rtol=1e-3)


def test_a_teacher_that_is_lost_counts_for_little():
    moved = [
        distilled_labels(labels(), teacher((x, 0)), 1.0, left_out=NOBODY).points[..., 0] - POINTS[..., 0]
        for x in (1.0, 20.0)
    ]
    np.testing.assert_allclose(moved[0], 0.49, atol=0.01)
    np.testing.assert_allclose(moved[1], 0, atol=1e-3)


def test_z_has_zero_mean():
    tilted = POINTS.copy()
    tilted[:, :33, 2] += 1.0
    told = TeacherPredictions(tilted, np.ones((N, 66), dtype=np.float32), "digest")
    mixed = distilled_labels(labels(), told, 1.0, left_out=NOBODY)
    np.testing.assert_allclose(mixed.points[..., 2].mean(axis=1), 0, atol=1e-5)
    rise = (mixed.points - POINTS)[..., 2]
    np.testing.assert_allclose(rise[:, :33].mean() - rise[:, 33:].mean(), 0.5, atol=0.01)


@pytest.mark.parametrize(("known", "expected", "weight"), [(0.0, 0.25, 0.5), (1.0, 0.75, 1.0)])
def test_visibility_is_the_teachers_where_nobody_looked(known, expected, weight):
    mixed = distilled_labels(labels(weight_visible=known), teacher(), 1.0, left_out=NOBODY)
    np.testing.assert_allclose(mixed.visible, expected, rtol=1e-5)
    np.testing.assert_allclose(mixed.weight_visible, weight)


def test_faces_that_are_held_out_or_without_weight_stay():
    given = labels()
    given.weight_xy[2] = 0
    mixed = distilled_labels(given, teacher((1, 1)), 1.0, left_out=np.array([0]))
    for index, stays in enumerate((True, False, True)):
        assert np.array_equal(mixed.points[index], POINTS[index]) == stays
        assert np.array_equal(mixed.weight_xy[index], given.weight_xy[index])
        assert (mixed.weight_visible[index].max() == 0) == stays


def test_nothing_known_stays_unknown():
    mixed = distilled_labels(labels(weight_z=0.0), teacher(), 0.0, left_out=NOBODY)
    assert np.isfinite(mixed.points).all()
    assert mixed.weight_z.max() == mixed.weight_visible.max() == 0
    np.testing.assert_allclose(mixed.points, POINTS, atol=1e-4)


def test_views_are_mixed_like_labels_with_full_weight(tmp_path):
    zeros = np.zeros(N, dtype=np.float32)
    views = NovelViews(
        tmp_path,
        ("a", "b", "c"),
        ("a", "b", "c"),
        POINTS,
        labels().visible,
        labels(weight_visible=0.5).weight_visible,
        zeros,
        zeros,
        zeros,
    )
    mixed = distilled_views(views, teacher((0, 0.2)), 1.0)
    np.testing.assert_allclose(mixed.points[..., 1] - POINTS[..., 1], 0.1, atol=1e-3)
    np.testing.assert_allclose(mixed.visible, 0.5 * (1 + 0.25), rtol=1e-5)
    assert mixed.names == views.names
