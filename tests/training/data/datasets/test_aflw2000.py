import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.aflw2000 import open_aflw2000
from tests.training.synthetic_faces import picture, posed_faces, turn

COUNT = 3


@pytest.fixture
def faces():
    return posed_faces(COUNT, seed=8)[0]


def _write(root, faces, poses=None):
    root.mkdir(exist_ok=True)
    for index, face in enumerate(faces):
        stem = f"image{2 * index + 2:05}"
        Image.fromarray(picture(face)).save(root / f"{stem}.jpg", quality=95)
        # MATLAB counts pixels from 1; z grows towards the viewer, from anywhere.
        labels = (face * [1, 1, -1] + [1, 1, 33]).T.astype(np.float32)
        pose = np.zeros(7) if poses is None else poses[index]
        savemat(root / f"{stem}.mat", {"pt3d_68": labels, "Pose_Para": pose[None], "roi": np.arange(4)[None]})


def test_labels_come_in_the_librarys_frame(tmp_path, faces):
    _write(tmp_path, faces)
    data = open_aflw2000(tmp_path)
    assert len(data) == COUNT
    assert data.names == ("image00002", "image00004", "image00006")
    for index, face in enumerate(faces):
        sample = data.sample(index)
        expected = face[FROM_68] - [0, 0, face[FROM_68, 2].mean()]
        np.testing.assert_allclose(sample.points, expected, atol=1e-4)
        assert sample.points.dtype == np.float32
        assert np.abs(sample.image.astype(int) - picture(face)).mean() < 5
        assert (sample.weight_xy == 1).all()
        assert (sample.weight_z == 1).all()
    assert sample.name == "aflw2000/image00006"


def test_pixel_one_one_of_the_files_is_pixel_zero_zero_here(tmp_path):
    _write(tmp_path, np.zeros((1, 68, 3)))
    points = open_aflw2000(tmp_path).points(0)
    np.testing.assert_array_equal(points, np.zeros((66, 3)))


def test_angles_have_the_librarys_signs(tmp_path, faces):
    poses = np.zeros((COUNT, 7))
    poses[0, 1] = np.deg2rad(40)
    poses[1, :3] = np.deg2rad([10, -20, 30])
    _write(tmp_path, faces, poses)
    data = open_aflw2000(tmp_path)
    np.testing.assert_allclose(data.pose(0), [0, -40, 0], atol=1e-4)
    np.testing.assert_allclose(data.pose(1), [-10, 20, 30], atol=1e-4)
    # What the files' authors turn by (y up, z towards the viewer), written out, and the same in our frame.
    p, y, r = poses[1, :3]
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    theirs = np.diag([1, -1, -1]) @ about_x @ about_y @ about_z @ np.diag([1, -1, -1])
    pitch, yaw, roll = data.pose(1)
    np.testing.assert_allclose(turn(pitch, 0, 0) @ turn(0, yaw, 0) @ turn(0, 0, roll), theirs, atol=1e-6)


@pytest.mark.parametrize("damage", ["text", "cut short", "no points", "68 rows", "NaN", "words"])
def test_a_broken_label_file_is_named(tmp_path, faces, damage):
    _write(tmp_path, faces)
    path = tmp_path / "image00004.mat"
    if damage == "text":
        path.write_text("not MATLAB's")
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "no points":
        savemat(path, {"Pose_Para": np.zeros((1, 7))})
    elif damage == "68 rows":
        savemat(path, {"pt3d_68": np.zeros((68, 3))})
    elif damage == "NaN":
        savemat(path, {"pt3d_68": np.full((3, 68), np.nan)})
    else:
        savemat(path, {"pt3d_68": "three by sixty-eight"})
    data = open_aflw2000(tmp_path)
    data.points(0)
    with pytest.raises(
        DataError, match=r"expected .*pt3d_68.*image00004\.mat.*got.*get the file again|repair"
    ):
        data.points(1)


@pytest.mark.parametrize("file", ["image00004.jpg", "image00004.mat"])
def test_a_missing_half_of_a_pair_is_named_by_the_other(tmp_path, faces, file):
    _write(tmp_path, faces)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match=r"1 have none .* first is .*image00004"):
        open_aflw2000(tmp_path)


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        open_aflw2000(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"expected label files in .*docs/datasets\.md"):
        open_aflw2000(tmp_path)
