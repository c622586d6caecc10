import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.w300lp import open_w300lp
from tests.training.synthetic_faces import face_model, picture, posed_faces

COUNT = 4
PARTS = {"AFW": [0], "HELEN": [1, 2], "IBUG": [3], "LFPW": []}


@pytest.fixture
def faces():
    # Without roll the order of the turns, which is not the library's, makes no difference.
    return posed_faces(COUNT, seed=11, yaw=80.0, roll=0.0)


def _write(root, points, angles, parts=PARTS):
    for part, indices in parts.items():
        (root / part).mkdir(parents=True)
        (root / "landmarks" / part).mkdir(parents=True)
        for index in indices:
            stem = f"{part}_photo_{index}_0"
            Image.fromarray(picture(points[index])).save(root / part / f"{stem}.jpg", quality=95)
            pitch, yaw, roll = np.deg2rad(angles[index])
            # The files' frame has y up and z towards the viewer.
            pose = np.array([[-pitch, -yaw, roll, 10, 20, 30, 0.001]])
            savemat(root / part / f"{stem}.mat", {"Pose_Para": pose, "pt2d": np.zeros((2, 68))})
            labels = {"pts_3d": points[index, :, :2] + 1, "pts_2d": np.zeros((68, 2))}
            savemat(root / "landmarks" / part / f"{stem}_pts.mat", labels)
    (root / "AFW_Flip").mkdir(exist_ok=True)
    (root / "Code").mkdir(exist_ok=True)


def test_x_and_y_are_exact_and_z_comes_from_the_model(tmp_path, faces):
    points, angles = faces
    _write(tmp_path, points, angles)
    data = open_w300lp(tmp_path, parts=("HELEN", "IBUG"), model=face_model())
    assert len(data) == 3
    assert data.names == ("HELEN/HELEN_photo_1_0", "HELEN/HELEN_photo_2_0", "IBUG/IBUG_photo_3_0")
    for index in range(3):
        face = points[index + 1, FROM_68]
        sample = data.sample(index)
        np.testing.assert_allclose(sample.points[:, :2], face[:, :2], atol=1e-4)
        eyes = np.linalg.norm(face[36] - face[45])
        assert np.abs(sample.points[:, 2] - (face[:, 2] - face[:, 2].mean())).mean() / eyes < 0.05
        assert sample.points[:, 2].mean() == pytest.approx(0, abs=1e-4)
        assert (sample.weight_xy == 1).all()
        assert (sample.weight_z == 1).all()
        assert np.abs(sample.image.astype(int) - picture(points[index + 1])).mean() < 5
    assert sample.name == "300w-lp/IBUG/IBUG_photo_3_0"


def test_the_stated_rotation_is_the_heads(tmp_path, faces):
    points, angles = faces
    angles[:, 2] = [5, -40, 25, 10]
    _write(tmp_path, points, angles)
    data = open_w300lp(tmp_path, parts=("HELEN",))
    for index in range(2):
        pitch, yaw, roll = np.deg2rad(angles[index + 1] * [-1, -1, 1])
        about_x = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        about_y = [[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]]
        about_z = [[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        turn_round = np.diag([1, -1, -1])
        expected = turn_round @ np.array(about_x) @ about_y @ about_z @ turn_round
        np.testing.assert_allclose(data.rotation(index), expected, atol=1e-6)


def test_photos_for_evaluation_are_left_out_unless_asked_for(tmp_path, faces):
    points, angles = faces
    parts = {"AFW": [0], "HELEN": [1], "IBUG": [2], "LFPW": [3]}
    _write(tmp_path, points, angles, parts)
    assert not any(name.startswith("AFW") for name in open_w300lp(tmp_path).names)
    assert len(open_w300lp(tmp_path)) == 3
    assert open_w300lp(tmp_path, parts=["AFW"]).names == ("AFW/AFW_photo_0_0",)


def test_without_a_model_z_has_no_weight(tmp_path, faces):
    _write(tmp_path, *faces)
    sample = open_w300lp(tmp_path, parts=["IBUG"]).sample(0)
    assert (sample.weight_z == 0).all()
    assert (sample.points[:, 2] == 0).all()
    assert (sample.weight_xy == 1).all()


def test_z_has_no_weight_where_the_model_does_not_fit(tmp_path, faces):
    points, angles = faces
    points[3] += np.random.default_rng(0).normal(0, 8, points[3].shape)
    _write(tmp_path, points, angles)
    sample = open_w300lp(tmp_path, parts=["IBUG"], model=face_model()).sample(0)
    assert (sample.weight_z == 0).all()
    assert (sample.weight_xy == 1).all()


@pytest.mark.parametrize("file", ["HELEN/HELEN_photo_1_0.jpg", "HELEN/HELEN_photo_1_0.mat"])
def test_a_missing_file_is_named_by_the_labels_that_need_it(tmp_path, faces, file):
    _write(tmp_path, *faces)
    (tmp_path / file).unlink()
    kind = "photo" if file.endswith("jpg") else r"\.mat file"
    with pytest.raises(DataError, match=rf"expected a {kind} .* first is .*HELEN_photo_1_0_pts\.mat"):
        open_w300lp(tmp_path, parts=["HELEN"], model=face_model())


def test_photos_without_labels_are_not_part_of_the_set(tmp_path, faces):
    _write(tmp_path, *faces)
    (tmp_path / "landmarks" / "HELEN" / "HELEN_photo_1_0_pts.mat").unlink()
    assert open_w300lp(tmp_path, parts=["HELEN"]).names == ("HELEN/HELEN_photo_2_0",)


def test_a_broken_label_file_is_named(tmp_path, faces):
    _write(tmp_path, *faces)
    savemat(tmp_path / "landmarks" / "IBUG" / "IBUG_photo_3_0_pts.mat", {"pts_3d": np.zeros((2, 68))})
    with pytest.raises(
        DataError, match=r"pts_3d of shape \(68, 2\) .*IBUG_photo_3_0_pts\.mat, got \(2, 68\)"
    ):
        open_w300lp(tmp_path, parts=["IBUG"]).sample(0)
    savemat(tmp_path / "IBUG" / "IBUG_photo_3_0.mat", {"pt2d": np.zeros((2, 68))})
    with pytest.raises(DataError, match=r"Pose_Para.*IBUG_photo_3_0\.mat"):
        open_w300lp(tmp_path, parts=["IBUG"]).rotation(0)


@pytest.mark.parametrize("folder", ["LFPW", "landmarks/LFPW"])
def test_an_empty_or_missing_part_is_named(tmp_path, faces, folder):
    _write(tmp_path, *faces)
    with pytest.raises(DataError, match="LFPW"):
        open_w300lp(tmp_path)
    (tmp_path / folder).rmdir()
    with pytest.raises(DataError, match="LFPW"):
        open_w300lp(tmp_path)
