"""Whole views: the labels stay on what they label."""

import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.novel_views import open_novel_views
from face_alignment_3d.training.novel_views.head_fit import fit_heads
from face_alignment_3d.training.novel_views.head_model import load_head_model
from face_alignment_3d.training.novel_views.poses import PoseRange
from face_alignment_3d.training.novel_views.turning import make_scene, turn, turn_points
from face_alignment_3d.training.novel_views.views import Source, make_views
from tests.training.round_head import (
    DOT_COLORS,
    DOTS,
    dot_position,
    dotted_photo,
    round_head,
    write_head_model,
)
from tests.training.synthetic_faces import turn as turned_by

SIDE, SCALE = 260, 9.0
POSES = (PoseRange((15.0, 30.0), 5.0), PoseRange((35.0, 60.0), 5.0))


def posed_skin(model, angles, coefficients=(0.0, 0.0)):
    skin = model.skin(np.array(coefficients)) @ turned_by(*angles).T
    return skin * SCALE + [SIDE / 2, SIDE / 2, 30.0]


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, -20, 15), (-15, 35, -30)])
def test_fit_finds_pose_and_shape(angles):
    model = round_head()
    skin = posed_skin(model, angles, (0.8, -0.5))
    fit = fit_heads(model, skin[model.landmarks][None])
    np.testing.assert_allclose(fit.angles()[0], angles, atol=1.0)
    assert np.abs(fit.skin(0) - skin).mean() < 0.03 * SIDE * 0.5
    ears = skin[model.landmarks[[0, 16]]].mean(axis=0)
    np.testing.assert_allclose(fit.center(0), ears, atol=6.0)


def test_the_skin_is_bent_to_run_through_the_points():
    model = round_head()
    points = posed_skin(model, (0, 10, 0))[model.landmarks]
    points[40] += [3.0, -3.0, 0.0]
    fit = fit_heads(model, points[None])
    plain = fit.scale[0] * model.skin(fit.coefficients[0]) @ fit.rotation[0].T + fit.translation[0]
    before = np.linalg.norm(plain[model.landmarks[40]] - points[40])
    after = np.linalg.norm(fit.skin(0)[model.landmarks[40]] - points[40])
    assert after < 0.6 * before


@pytest.mark.parametrize("rotation", [(0, 30, 0), (0, -50, 0), (20, 0, 0), (-10, 25, 0)])
def test_pixels_and_points_turn_alike(rotation):
    model = round_head()
    skin = posed_skin(model, (0, 0, 0)).astype(np.float32)
    center = np.array([SIDE / 2, SIDE / 2, 30.0])
    dots = model.landmarks[list(DOTS)]
    photo = dotted_photo(skin, dots, side=SIDE)
    turn_by = turned_by(*rotation)
    points = skin[model.landmarks].astype(np.float64)
    view = turn(make_scene(photo, skin, model.quads, center), points, turn_by)
    moved = turn_points(points, center, turn_by)[list(DOTS), :2]
    for place, color in zip(moved, DOT_COLORS, strict=True):
        np.testing.assert_allclose(dot_position(view, color), place, atol=1.2)


def test_no_turn_changes_nothing():
    model = round_head()
    skin = posed_skin(model, (0, 0, 0)).astype(np.float32)
    center = np.array([SIDE / 2, SIDE / 2, 30.0])
    photo = dotted_photo(skin, model.landmarks[list(DOTS)], side=SIDE)
    points = skin[model.landmarks].astype(np.float64)
    view = turn(make_scene(photo, skin, model.quads, center), points, np.eye(3))
    inner = (slice(20, -20), slice(20, -20))
    assert np.abs(view[inner].astype(int) - photo[inner]).mean() < 1.0


def test_points_turn_back_to_where_they_were():
    points = np.random.default_rng(0).normal(size=(66, 3)) * 40 + [100, 90, 0]
    points[:, 2] -= points[:, 2].mean()
    center = np.array([101.0, 88.0, 20.0])
    turn_by = turned_by(10, 40, -20)
    forth = turn_points(points, center, turn_by).astype(np.float64)
    back = turn_points(forth, forth.mean(axis=0), turn_by.T)
    np.testing.assert_allclose(back, points, atol=1e-3)


def sources(count=3):
    model = round_head()
    made = []
    for index in range(count):
        skin = posed_skin(model, (0, 6 * index, 0)).astype(np.float32)
        photo = dotted_photo(skin, model.landmarks[list(DOTS)], side=SIDE)
        made.append(Source(f"face_{index}", photo, skin[model.landmarks]))
    return made


def test_a_set_of_views_is_written_and_read(tmp_path):
    count = make_views(sources(), round_head(), POSES, tmp_path / "novel_views" / "some")
    views = open_novel_views(tmp_path, "some")
    assert count == len(views) == 6
    assert views.sources == ("face_0", "face_0", "face_1", "face_1", "face_2", "face_2")
    assert np.abs(views.yaw).min() >= 15
    assert np.abs(views.points[..., 2].mean(axis=1)).max() < 1e-3
    sample = views.sample(3)
    assert sample.name == "some/face_1_1"
    assert sample.image.shape == (SIDE, SIDE, 3)
    red = dot_position(sample.image, DOT_COLORS[0])
    np.testing.assert_allclose(red, sample.points[DOTS[0], :2], atol=2.0)


def test_a_stopped_set_goes_on_and_comes_out_the_same(tmp_path):
    make_views(sources(), round_head(), POSES, tmp_path / "novel_views" / "some")
    first = open_novel_views(tmp_path, "some").digest()
    kept = tmp_path / "novel_views" / "some" / "face_0_0.jpg"
    written = kept.stat().st_mtime_ns
    (tmp_path / "novel_views" / "some.npz").unlink()
    (tmp_path / "novel_views" / "some" / "face_2_1.jpg").unlink()
    make_views(sources(), round_head(), POSES, tmp_path / "novel_views" / "some")
    assert open_novel_views(tmp_path, "some").digest() == first
    assert kept.stat().st_mtime_ns == written


def test_the_digest_tells_views_apart(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        make_views(sources(1), round_head(), POSES, tmp_path / "novel_views" / name, seed=seed)
    assert open_novel_views(tmp_path, "a").digest() != open_novel_views(tmp_path, "b").digest()


def test_nothing_to_turn_is_an_error(tmp_path):
    with pytest.raises(DataError, match="expected faces to turn"):
        make_views([], round_head(), POSES, tmp_path / "novel_views" / "none")


def test_a_missing_view_is_named(tmp_path):
    make_views(sources(1), round_head(), POSES, tmp_path / "novel_views" / "some")
    (tmp_path / "novel_views" / "some" / "face_0_1.jpg").unlink()
    with pytest.raises(DataError, match=r"face_0_1\.jpg"):
        open_novel_views(tmp_path, "some")


def test_the_head_model_is_read_into_the_librarys_frame(tmp_path):
    write_head_model(tmp_path)
    expected, read = round_head(), load_head_model(tmp_path)
    np.testing.assert_allclose(read.neutral, expected.neutral, atol=1e-5)
    np.testing.assert_allclose(read.basis, expected.basis, atol=2e-3)
    np.testing.assert_array_equal(read.landmarks, expected.landmarks)
    np.testing.assert_array_equal(read.quads, expected.quads)


@pytest.mark.parametrize("content", ["{}", '{"idx_to_landmark_verts": [1, 2]}', "no json"])
def test_broken_landmark_vertices_are_an_error(tmp_path, content):
    write_head_model(tmp_path)
    (tmp_path / "models" / "ict_vertex_indices.json").write_text(content)
    with pytest.raises(DataError, match=r"68 of the first \d+ vertices, in .*ict_vertex_indices\.json"):
        load_head_model(tmp_path)
