from pathlib import Path

import numpy as np
import pytest
import torch

from face_alignment_3d.crop import rescale
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68, MIRROR
from face_alignment_3d.training.data.augment import upright_crop
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
from face_alignment_3d.training.engine.inference import predict
from face_alignment_3d.training.labels import views as views_module
from face_alignment_3d.training.labels.agreement import teacher_labels
from face_alignment_3d.training.labels.labels import Labels, load_labels, save_labels, scaled
from face_alignment_3d.training.labels.self_labels import merge, predict_pseudo_labels
from tests.training.small_cascade import seeded_cascade
from tests.training.synthetic_faces import picture, posed_faces

COUNT = 4


def _faces(*, yaw=0.0, disagreement=0.02):
    points = posed_faces(COUNT, seed=31)[0][:, FROM_68].astype(np.float32)
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    return TeacherLabelledFaces(
        Path("faces"),
        tuple(f"face_{i}" for i in range(COUNT)),
        points,
        points.copy(),
        np.broadcast_to(np.float32(yaw), COUNT).astype(np.float32),
        np.broadcast_to(np.float32(disagreement), COUNT).astype(np.float32),
    )


def _size(faces):
    extent = faces.tddfa[..., :2].max(axis=1) - faces.tddfa[..., :2].min(axis=1)
    return np.sqrt(extent.prod(axis=1))[:, None, None]


def _views(faces, *, offset=0.0, spread=0.0, seed=0):
    """Three predictions, ``offset`` to the right of the teachers' points and ``spread`` from each other.

    Both are fractions of the face's size.
    """
    noise = np.random.default_rng(seed).normal(size=(3, *faces.tddfa.shape)) * spread
    off = np.array([offset, 0.0, 0.0])
    return (faces.tddfa + _size(faces) * (noise + off)).astype(np.float32)


def test_teacher_labels_are_the_3d_teachers_where_both_agree():
    faces = _faces(disagreement=[0.01, 0.2, 0.044, 0.046])
    labels = teacher_labels(faces)
    np.testing.assert_array_equal(labels.points, faces.tddfa)
    for weight in (labels.weight_xy, labels.weight_z):
        assert weight.shape == (COUNT, 66)
        assert weight.dtype == np.float32
        assert (weight[[0, 2]] > 0).all()
        assert (weight[[1, 3]] == 0).all()


@pytest.mark.parametrize("disagreement", [0.02, 0.2])
def test_views_that_agree_are_kept(disagreement):
    faces = _faces(disagreement=disagreement)
    views = _views(faces, offset=0.02, spread=0.002)
    labels = merge(views, faces)
    # Near the front the own inner points count alone; the jaw is half the teacher's.
    np.testing.assert_allclose(labels.points[:, 17:, :2], views.mean(axis=0)[:, 17:, :2], atol=1e-3)
    halfway = (views.mean(axis=0) + faces.tddfa) / 2
    np.testing.assert_allclose(labels.points[:, :17, :2], halfway[:, :17, :2], atol=1e-3)
    teacher_labelled = teacher_labels(faces)
    assert (labels.weight_xy > teacher_labelled.weight_xy).all()
    assert (labels.weight_z > 0).all()
    np.testing.assert_allclose(labels.points[..., 2].mean(axis=1), 0, atol=1e-3)


def test_towards_profile_the_teacher_counts_half():
    faces = _faces(yaw=[80, -80, 70, 65])
    views = _views(faces, offset=0.02)
    labels = merge(views, faces)
    halfway = (views.mean(axis=0) + faces.tddfa) / 2
    np.testing.assert_allclose(labels.points[..., :2], halfway[..., :2], atol=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"spread": 0.2}, {"offset": 0.2}], ids=["the views disagree", "all views are elsewhere"]
)
def test_else_the_teachers_labels_stand(wrong):
    faces = _faces()
    labels, teacher_labelled = merge(_views(faces, **wrong), faces), teacher_labels(faces)
    np.testing.assert_allclose(labels.points, teacher_labelled.points, atol=1e-4)
    np.testing.assert_array_equal(labels.weight_xy, teacher_labelled.weight_xy)
    np.testing.assert_array_equal(labels.weight_z, teacher_labelled.weight_z)


@pytest.mark.parametrize("wrong", [{"spread": 0.2}, {"offset": 0.2}])
def test_where_nobody_agrees_nothing_is_believed(wrong):
    faces = _faces(disagreement=0.2)
    labels = merge(_views(faces, **wrong), faces)
    assert not labels.weight_xy.any()
    assert not labels.weight_z.any()
    assert np.isfinite(labels.points).all()


def test_each_face_is_judged_by_itself():
    faces = _faces(disagreement=[0.02, 0.02, 0.2, 0.02])
    views = _views(faces, spread=0.002)
    views[:, 1:3] = _views(faces, spread=0.3)[:, 1:3]
    labels, teacher_labelled = merge(views, faces), teacher_labels(faces)
    assert (labels.weight_xy[[0, 3]] > teacher_labelled.weight_xy[[0, 3]]).all()
    np.testing.assert_array_equal(labels.weight_xy[1], teacher_labelled.weight_xy[1])
    assert not labels.weight_xy[2].any()


def test_an_unsteady_point_weighs_less():
    faces = _faces()
    views = _views(faces)
    views[:, :, 40, 0] += np.array([-1, 0, 1])[:, None] * 0.03 * _size(faces)[:, 0, 0]
    weight = merge(views, faces).weight_xy
    assert (weight[:, 40] < 0.6 * weight[:, 41]).all()


def test_merging_leaves_the_teachers_as_they_are():
    faces = _faces()
    before = faces.tddfa.copy()
    merge(_views(faces, spread=0.2), faces).points[:] = 0
    np.testing.assert_array_equal(faces.tddfa, before)


def test_labels_survive_a_round_trip(tmp_path):
    faces = _faces()
    labels = merge(_views(faces, spread=0.002), faces)
    path = tmp_path / "self_labels.npz"
    save_labels(path, labels)
    assert list(tmp_path.iterdir()) == [path]
    for saved, read in zip(labels, load_labels(path, count=COUNT), strict=True):
        np.testing.assert_array_equal(saved, read)
        assert saved.dtype == read.dtype


@pytest.mark.parametrize("damage", ["missing", "cut short", "of other faces", "NaN"])
def test_broken_labels_are_named(tmp_path, damage):
    path = tmp_path / "self_labels.npz"
    labels = teacher_labels(_faces())
    if damage == "NaN":
        labels = Labels(labels.points * np.float32("nan"), labels.weight_xy, labels.weight_z)
    save_labels(path, labels)
    if damage == "missing":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"self_labels\.npz"):
        load_labels(path, count=COUNT + 1 if damage == "of other faces" else COUNT)


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_scaled_is_the_crops_rescaling(factor):
    points = np.random.default_rng(0).uniform(0, 200, (66, 3)).astype(np.float32)
    before = points.copy()
    resized = scaled(points, factor)
    np.testing.assert_allclose(resized[:, :2], rescale(points[:, :2], factor), rtol=1e-5)
    np.testing.assert_allclose(resized[:, 2], points[:, 2] * factor, rtol=1e-5)
    np.testing.assert_allclose(scaled(resized, 1 / factor), points, atol=1e-3)
    np.testing.assert_array_equal(points, before)


def test_pseudo_labels_bring_all_views_back_to_the_teachers_pixels(monkeypatch):
    """With a network that is always right, whatever the view and the photo, its labels are the truth."""
    faces = _faces()
    scales = np.array([1.0, 0.5, 0.8, 0.31], dtype=np.float32)
    images = [np.zeros((round(220 * s), round(220 * s), 3), dtype=np.uint8) for s in scales]
    truth = faces.tddfa + np.float32([2.0, -1.0, 0.0])
    calls = []

    def perfect(cascade, given, crops, *, mirrored, bf16):
        assert given is images
        calls.append((mirrored, tuple(crop.angle for crop in crops)))
        shrunk = [scaled(points, float(s)) for points, s in zip(truth, scales, strict=True)]
        for crop, points in zip(crops, shrunk, strict=True):
            inside = crop.to_crop(points)[:, :2]
            assert (inside > 0).all()
            assert (inside < crop.size - 1).all()
        return np.stack(shrunk)

    monkeypatch.setattr(views_module, "predict", perfect)
    labels = predict_pseudo_labels(seeded_cascade(1), faces, images, scales, bf16=False)
    assert len(set(calls)) == len(calls) >= 2
    assert {mirrored for mirrored, _ in calls} == {True, False}
    np.testing.assert_allclose(labels.points[:, 17:, :2], truth[:, 17:, :2], atol=1e-2)


class _ReadsGreen(torch.nn.Module):
    """Stands in for a cascade: every point lies at the center of the crop's green, its z is its index."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))

    def forward(self, crops):
        light = crops[:, 1].float()
        cells = torch.arange(light.shape[-1])
        total = light.sum(dim=(1, 2))
        x, y = (light.sum(dim=1) * cells).sum(dim=1) / total, (light.sum(dim=2) * cells).sum(dim=1) / total
        points = torch.stack([x, y], dim=-1)[:, None].repeat(1, 66, 1)
        z = torch.arange(66.0).repeat(len(crops), 1)
        return torch.cat([points, z[..., None]], dim=-1), torch.ones(len(crops), 66)


@pytest.mark.parametrize("mirrored", [False, True])
def test_predictions_come_in_the_pixels_of_each_image(mirrored):
    places = np.random.default_rng(1).uniform(40, 80, (5, 2))
    ys, xs = np.mgrid[:120, :120]
    images = []
    for x, y in places:
        spot = 250 * np.exp(-0.5 * ((xs - x) ** 2 + (ys - y) ** 2) / 4**2)
        images.append(np.repeat(np.rint(spot)[..., None], 3, axis=-1).astype(np.uint8))
    corners = np.array([[30.0, 30.0], [90.0, 90.0]])
    crops = [upright_crop(corners, size=64, crop_scale=1.5, angle=angle) for angle in (0, 0.5, -1, 2, 3)]
    points = predict(_ReadsGreen(), images, crops, mirrored=mirrored, batch_size=2)
    assert points.shape == (5, 66, 3)
    np.testing.assert_allclose(points[..., :2], np.repeat(places[:, None], 66, axis=1), atol=0.1)
    order = MIRROR if mirrored else np.arange(66)
    np.testing.assert_allclose(points[..., 2], [order * crop.scale for crop in crops], rtol=1e-5)


def test_no_images_no_predictions():
    assert predict(_ReadsGreen(), [], []).shape == (0, 66, 3)


def test_predictions_of_a_cascade_do_not_depend_on_the_batch():
    faces = posed_faces(3, seed=2)[0][:, FROM_68]
    images = [picture(face) for face in faces]
    crops = [upright_crop(face, size=64, crop_scale=1.35) for face in faces]
    cascade = seeded_cascade(1).eval()
    together = predict(cascade, images, crops)
    one_by_one = predict(cascade, images, crops, batch_size=1)
    np.testing.assert_allclose(together, one_by_one, atol=1e-3)
