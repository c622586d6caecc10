import numpy as np
import pytest

from face_alignment_3d.crop import box_around, rescale
from face_alignment_3d.errors import DataError, ImageError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.photos68 import (
    MAX_RESIDUAL,
    labelled_points,
    make_samples,
    open_photos68,
    shrink_to_face,
)
from face_alignment_3d.training.data.lifting import Lifted, lift
from tests.training.synthetic_faces import face_model, picture, posed_faces, write_photos68


@pytest.fixture
def faces():
    return posed_faces(4, seed=21)[0]


def _rewrite(path, **changes):
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | changes))


def test_photos_are_opened_with_their_points(tmp_path, faces):
    write_photos68(tmp_path, "small", faces)
    photos = open_photos68(tmp_path, "small")
    assert photos.names == ("face_0", "face_1", "face_2", "face_3")
    assert photos.points68.dtype == np.float32
    np.testing.assert_allclose(photos.points68, faces[..., :2], atol=1e-4)
    image = photos.image(2)
    assert image.shape == (220, 220, 3)
    assert np.abs(image.astype(int) - picture(faces[2])).mean() < 5


def test_a_missing_photo_is_named(tmp_path, faces):
    write_photos68(tmp_path, "small", faces)
    (tmp_path / "photos68" / "small" / "face_2.jpg").unlink()
    with pytest.raises(DataError, match=r"small\.npz .* the first is face_2\.jpg"):
        open_photos68(tmp_path, "small")


def test_a_damaged_photo_is_named(tmp_path, faces):
    write_photos68(tmp_path, "small", faces)
    path = tmp_path / "photos68" / "small" / "face_1.jpg"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ImageError, match=r"face_1\.jpg"):
        open_photos68(tmp_path, "small").image(1)


@pytest.mark.parametrize("damage", ["missing", "fewer points", "fewer faces", "NaN", "cut short", "no names"])
def test_a_broken_index_is_named(tmp_path, faces, damage):
    path = write_photos68(tmp_path, "small", faces)
    xy = faces[..., :2]
    if damage == "missing":
        path.unlink()
    elif damage == "fewer points":
        _rewrite(path, points68=xy[:, :66])
    elif damage == "fewer faces":
        _rewrite(path, points68=xy[:3])
    elif damage == "NaN":
        _rewrite(path, points68=np.where(np.arange(4)[:, None, None] == 2, np.nan, xy))
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        np.savez(path, points68=xy)
    with pytest.raises(DataError, match=r"small\.npz"):
        open_photos68(tmp_path, "small")


def _lifted(points, *, yaw, residual=0.0):
    yaw = np.broadcast_to(yaw, len(points)).astype(float)
    far_jaw = np.zeros((len(points), 17), dtype=bool)
    far_jaw[yaw > 12, 9:] = True
    far_jaw[yaw < -12, :8] = True
    return Lifted(points, yaw, np.full(len(points), residual), far_jaw)


def test_labels_are_the_hands_where_visible_and_the_fits_elsewhere(faces):
    fit = faces + np.array([3.0, -2.0, 0.0])
    labels = labelled_points(faces[..., :2].astype(np.float32), _lifted(fit, yaw=[0, 40, -40, 5]))
    assert labels.shape == (4, 66, 3)
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels[:, 17:, :2], faces[:, FROM_68][:, 17:, :2], atol=1e-4)
    for index, hidden in enumerate([[], range(9, 17), range(8), []]):
        from_fit = np.isin(np.arange(17), list(hidden))
        np.testing.assert_allclose(labels[index, :17][from_fit, :2], fit[index, :17][from_fit, :2], atol=1e-4)
        np.testing.assert_allclose(
            labels[index, :17][~from_fit, :2], faces[index, :17][~from_fit, :2], atol=1e-4
        )
    np.testing.assert_allclose(labels[..., 2].mean(axis=1), 0, atol=1e-4)
    z = fit[:, FROM_68, 2]
    np.testing.assert_allclose(labels[..., 2], z - z.mean(axis=1, keepdims=True), atol=1e-4)


def test_weights_say_what_is_trusted(tmp_path, faces):
    write_photos68(tmp_path, "small", faces)
    photos = open_photos68(tmp_path, "small")
    lifted = _lifted(faces, yaw=[0, 40, -40, 0])
    lifted.residual[3] = 2 * MAX_RESIDUAL
    frontal, to_the_right, to_the_left, doubtful = make_samples(photos, lifted, face_size=500)
    for sample in (frontal, to_the_right, to_the_left, doubtful):
        assert (sample.weight_xy[17:] == 1).all()
    assert (frontal.weight_xy == 1).all()
    for sample, hidden in ((to_the_right, slice(9, 17)), (to_the_left, slice(8))):
        shown = np.delete(np.arange(17), hidden)
        assert sample.weight_xy[hidden].max() < sample.weight_xy[shown].min() < 1
    assert (frontal.weight_z == 1).all()
    assert (doubtful.weight_z == 0).all()
    assert frontal.name == "small/face_0"


def test_lifted_samples_lie_on_the_dots_of_shrunk_photos(tmp_path, faces):
    write_photos68(tmp_path, "small", faces)
    photos = open_photos68(tmp_path, "small")
    samples = make_samples(photos, lift(photos.points68, face_model(), steps=150), face_size=90)
    for sample, face in zip(samples, faces, strict=True):
        x0, y0, x1, y1 = box_around(sample.points)
        assert max(x1 - x0, y1 - y0) == pytest.approx(90, abs=2)
        scale = sample.image.shape[0] / 220
        inner = rescale(face[FROM_68][17:, :2], scale)
        np.testing.assert_allclose(sample.points[17:, :2], inner, atol=0.05)
        assert np.abs(sample.image.astype(int) - picture(inner, side=len(sample.image))).mean() < 20
        true_z = face[FROM_68, 2] - face[FROM_68, 2].mean()
        assert np.abs(sample.points[:, 2] - true_z * scale).mean() < 5


def test_shrinking_keeps_labels_on_their_pixels():
    ys, xs = np.mgrid[:300, :200]
    points = np.random.default_rng(0).uniform(30, 180, (66, 3)).astype(np.float32)
    points[:, 1] += 60
    x, y = points[7, :2]
    spot = 255 * np.exp(-0.5 * ((xs - x) ** 2 + (ys - y) ** 2) / 8**2)
    image = np.repeat(np.rint(spot)[..., None], 3, axis=-1).astype(np.uint8)
    small, moved = shrink_to_face(image, points, face_size=50)
    light = small[..., 0].astype(float)
    ys, xs = np.mgrid[: light.shape[0], : light.shape[1]]
    assert (light * xs).sum() / light.sum() == pytest.approx(moved[7, 0], abs=0.1)
    assert (light * ys).sum() / light.sum() == pytest.approx(moved[7, 1], abs=0.1)
    np.testing.assert_allclose(moved[:, 2] / points[:, 2], small.shape[1] / 200, rtol=0.02)


def test_photos_are_never_enlarged():
    image = np.zeros((60, 60, 3), dtype=np.uint8)
    points = np.random.default_rng(0).uniform(10, 50, (66, 3)).astype(np.float32)
    same, unmoved = shrink_to_face(image, points, face_size=150)
    assert same is image
    assert unmoved is points
