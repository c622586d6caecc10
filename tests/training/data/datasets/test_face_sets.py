import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.face_sets import (
    EVALUATION_ONLY,
    HAND_LABELLED,
    SEEN,
    aflw_picks,
    open_aflw,
    open_hand_labelled,
    open_teacher_labelled,
    open_training_sets,
)
from tests.training.synthetic_faces import picture, posed_faces, write_data


@pytest.fixture
def data(tmp_path):
    write_data(tmp_path, hand=2, aflw=4, teachers=3, afw=1)
    return tmp_path


def test_the_training_sets_hold_no_evaluation_set(data):
    names = [faces.name for faces in open_training_sets(data)]
    assert names == [*HAND_LABELLED, "aflw", "faces"]
    assert not EVALUATION_ONLY & set(names)


def test_hand_labelled_photos_come_with_the_networks_points(data):
    faces = open_hand_labelled(data, "lfpw_train")
    expected = posed_faces(2, seed=1, yaw=12.0)[0]
    np.testing.assert_allclose(faces.ibug68, expected[..., :2], atol=1e-4)
    np.testing.assert_allclose(faces.predicted, expected, atol=0.02)
    assert len(faces) == 2
    assert np.abs(faces.image(1).astype(int) - picture(expected[1])).mean() < 5


def test_points_that_are_not_there_are_nan(data):
    faces = open_aflw(data)
    marked = np.isfinite(faces.merl68).all(axis=-1)
    np.testing.assert_array_equal(marked, faces.merl_state > 0)
    assert marked.any(axis=1).tolist() == [True, False, True, False]
    assert (faces.merl_state[0, 4:33] == SEEN).all()
    no_ears = aflw_picks().sum(axis=1) > 0
    np.testing.assert_array_equal(np.isfinite(faces.aflw21).all(axis=-1), np.broadcast_to(no_ears, (4, 21)))


def test_teacher_labelled_faces_have_the_networks_points_alone(data):
    faces = open_teacher_labelled(data)
    np.testing.assert_allclose(faces.predicted, posed_faces(3, seed=9)[0], atol=0.02)
    assert faces.ibug68 is faces.merl68 is faces.aflw21 is None


def test_a_subset_has_the_same_faces(data):
    faces = open_aflw(data)
    few = faces.subset(np.array([2, 0]))
    assert [file.stem for file in few.files] == ["image2", "image0"]
    np.testing.assert_array_equal(few.merl_state, faces.merl_state[[2, 0]])
    assert few.digests() == (faces.digests()[2], faces.digests()[0])


def test_digests_tell_photos_apart(data):
    faces = open_teacher_labelled(data)
    before = faces.digests()
    assert len(set(before)) == 3
    faces.files[1].write_bytes(faces.files[0].read_bytes())
    assert faces.digests() == (before[0], before[0], before[2])


@pytest.mark.parametrize("file", ["faces/aflw.npz", "faces/teachers.npz", "photos68/teachers.npz"])
@pytest.mark.parametrize("damage", ["missing", "cut short", "another archive"])
def test_a_broken_file_is_named(data, file, damage):
    path = data / file
    if damage == "missing":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        np.savez(path, something_else=np.zeros(3))
    with pytest.raises(DataError, match=path.name):
        open_training_sets(data)


def test_a_missing_photo_is_named(data):
    (data / "faces" / "aflw" / "image3.webp").unlink()
    with pytest.raises(DataError, match=r"aflw\.npz .* image3\.webp"):
        open_aflw(data)


def test_a_photo_without_the_networks_points_is_named(data):
    path = data / "photos68" / "teachers.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["helen_train_names"] = np.array(["face_0", "other"])
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="the first is face_1"):
        open_hand_labelled(data, "helen_train")
