import numpy as np
import pytest
import torch

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.augment import mirror_points, upright_crop
from face_alignment_3d.training.engine.inference import predict
from face_alignment_3d.training.labels.teacher_predictions import (
    FILE_NAME,
    LabelledPhotos,
    load_teacher_predictions,
    photos_digest,
    predict_teacher,
    save_teacher_predictions,
)
from face_alignment_3d.training.labels.views import CropView, ensemble_views
from tests.training.small_cascade import seeded_cascade
from tests.training.small_paper_cascade import small_paper_cascade
from tests.training.synthetic_faces import picture, posed_faces


@pytest.fixture(scope="module")
def photos():
    points = posed_faces(3, seed=1)[0][:, :66].astype(np.float32)
    images = [picture(face) for face in points]
    return LabelledPhotos(images.__getitem__, points, photos_digest(["a", "b", "c"]))


@pytest.fixture(scope="module")
def cascade():
    return seeded_cascade(1).eval()


def test_one_view_is_what_the_network_says(photos, cascade):
    found = predict_teacher(photos, cascade, [CropView()])
    images = [photos.image(index) for index in range(3)]
    crops = [upright_crop(p, size=64, crop_scale=cascade.geometry.crop_scale) for p in photos.points]
    np.testing.assert_allclose(found.points, predict(cascade, images, crops), atol=0.05)
    with torch.no_grad():
        pixels = np.stack([crop.sample(image) for crop, image in zip(crops, images, strict=True)])
        visibility = cascade(torch.from_numpy(pixels).permute(0, 3, 1, 2))[2]
    np.testing.assert_allclose(found.visibility, visibility, atol=1e-5)


def test_a_mirrored_view_is_that_of_the_mirrored_photo(photos, cascade):
    width = photos.image(0).shape[1]
    found = predict_teacher(photos, cascade, [CropView(True)])
    other = LabelledPhotos(
        lambda index: np.ascontiguousarray(photos.image(index)[:, ::-1]),
        mirror_points(photos.points, width=width),
        "",
    )
    there = predict_teacher(other, cascade, [CropView()])
    np.testing.assert_allclose(mirror_points(there.points, width=width), found.points, atol=0.05)


def test_views_are_averaged_and_progress_is_told(photos, cascade):
    views = ensemble_views(3)
    told = []
    found = predict_teacher(photos, cascade, views, progress=told.append)
    single = [predict_teacher(photos, cascade, [view]) for view in views]
    np.testing.assert_allclose(found.points, np.mean([s.points for s in single], axis=0), atol=1e-3)
    np.testing.assert_allclose(found.visibility, np.mean([s.visibility for s in single], axis=0), atol=1e-5)
    np.testing.assert_allclose(found.points[..., 2].mean(axis=1), 0, atol=1e-3)
    assert sum(told) == 3


def test_a_teacher_without_visibility_is_refused(photos):
    with pytest.raises(DataError, match="tells visibility"):
        predict_teacher(photos, small_paper_cascade(), [CropView()])


def test_the_file_is_bound_to_its_photos(photos, cascade, tmp_path):
    made = predict_teacher(photos, cascade, [CropView()])
    save_teacher_predictions(tmp_path / FILE_NAME, {"set": made}, {"weights_sha256": "0" * 64})
    teacher = load_teacher_predictions(tmp_path)
    assert teacher.source == {"weights_sha256": "0" * 64}
    read = teacher.of("set", photos.digest)
    np.testing.assert_array_equal(read.points, made.points)
    np.testing.assert_array_equal(read.visibility, made.visibility)
    with pytest.raises(DataError, match="got those of other photos: run `face-alignment-3d train-data"):
        teacher.of("set", photos_digest(["a", "b", "d"]))
    with pytest.raises(DataError, match=r"photos of other in .*; got none"):
        teacher.of("other", photos.digest)
    with pytest.raises(DataError, match=FILE_NAME):
        load_teacher_predictions(tmp_path / "absent")
