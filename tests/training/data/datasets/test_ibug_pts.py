import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.ibug_pts import open_ibug_pts, read_pts
from face_alignment_3d.training.data.datasets.photos68 import make_samples
from tests.training.synthetic_faces import face_model, picture, posed_faces

COUNT = 4
PLACES = ("helen/trainset/1.jpg", "lfpw/trainset/image_0001.png", "ibug/image_003_1.jpg", "afw/7_1.jpg")


@pytest.fixture(scope="module")
def faces():
    return posed_faces(COUNT, seed=13, yaw=50.0)[0]


def _pts(points):
    # MATLAB counts pixels from 1.
    rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points[:, :2] + 1)
    return f"version: 1\nn_points:  68\n{{\n{rows}\n}}\n"


@pytest.fixture
def root(tmp_path, faces):
    for place, face in zip(PLACES, faces, strict=True):
        path = tmp_path / "300w" / place
        path.parent.mkdir(parents=True)
        Image.fromarray(picture(face)).save(path)
        path.with_suffix(".pts").write_text(_pts(face))
    return tmp_path / "300w"


def test_points_come_in_the_librarys_pixels(root, faces):
    data = open_ibug_pts(root)
    assert data.names == ("helen/trainset/1", "ibug/image_003_1", "lfpw/trainset/image_0001")
    assert len(data) == 3
    for index, which in enumerate([0, 2, 1]):
        np.testing.assert_allclose(data.points68[index], faces[which, :, :2], atol=1e-4)
        sample = data.sample(index)
        assert sample.name == f"300w/{data.names[index]}"
        np.testing.assert_allclose(sample.points[:, :2], faces[which][FROM_68, :2], atol=1e-4)
        assert np.abs(sample.image.astype(int) - picture(faces[which])).mean() < 5


def test_the_corner_pixel_is_zero_zero(tmp_path):
    path = tmp_path / "a.pts"
    path.write_text("version: 1\nn_points: 68\n{\n" + "1.0 1.0\n" * 68 + "}")
    np.testing.assert_array_equal(read_pts(path), np.zeros((68, 2)))


def test_without_a_model_z_has_no_weight_and_the_jaw_half(root):
    data = open_ibug_pts(root)
    assert data.lifted is None
    sample = data.sample(0)
    assert (sample.weight_z == 0).all()
    assert (sample.points[:, 2] == 0).all()
    assert (sample.weight_xy[:17] == 0.5).all()
    assert (sample.weight_xy[17:] == 1).all()


def test_a_model_gives_the_labels_that_other_hand_labelled_photos_get(root, faces):
    data = open_ibug_pts(root, model=face_model())
    everything = make_samples(data, data.lifted, face_size=10_000)
    for index, which in enumerate([0, 2, 1]):
        sample, expected = data.sample(index), everything[index]
        np.testing.assert_array_equal(sample.points, expected.points)
        np.testing.assert_array_equal(sample.weight_xy, expected.weight_xy)
        np.testing.assert_array_equal(sample.image, expected.image)
        assert (sample.weight_z == 1).all()
        z = faces[which][FROM_68, 2]
        eyes = np.linalg.norm(faces[which][36] - faces[which][45])
        assert np.abs(sample.points[:, 2] - (z - z.mean())).mean() / eyes < 0.1
        assert sample.points[:, 2].mean() == pytest.approx(0, abs=1e-4)


def test_photos_for_evaluation_are_left_out_unless_asked_for(root):
    (root / "afw").rename(root / "AFW")
    assert all(not name.lower().startswith("afw") for name in open_ibug_pts(root).names)
    with pytest.raises(DataError, match=r"AFW.* which are for evaluation"):
        open_ibug_pts(root / "AFW")
    assert open_ibug_pts(root / "AFW", leave_out=()).names == ("7_1",)
    assert len(open_ibug_pts(root, leave_out=())) == COUNT


@pytest.mark.parametrize(
    ("number", "line", "message"),
    [
        (1, "<xml>", "expected 'version: 1' in .*1.pts, line 1; got '<xml>'"),
        (2, "n_points: 49", "expected 'n_points: 68' in .*1.pts, line 2; got 'n_points: 49'"),
        (3, "1.0 2.0", "expected '{' in .*1.pts, line 3"),
        (4, "12.5", "expected 2 finite numbers 'x y' in .*1.pts, line 4; got '12.5'"),
        (40, "12.5 inf", "1.pts, line 40; got '12.5 inf'"),
        (71, "1,5 2,5", "1.pts, line 71; got '1,5 2,5': repair the line"),
        (72, "", "expected 68 lines 'x y' and then '}' .*1.pts; got 71 lines"),
        (72, "}\n1.0 1.0", "1.pts; got 73 lines, the last '1.0 1.0'"),
    ],
)
def test_a_bad_line_is_named_with_file_and_number(root, number, line, message):
    path = root / "helen" / "trainset" / "1.pts"
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=message):
        open_ibug_pts(root)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0", b"version: 1\n"])
def test_a_file_that_is_no_pts_is_named(root, content):
    path = root / "helen" / "trainset" / "1.pts"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1\.pts"):
        open_ibug_pts(root)


@pytest.mark.parametrize("file", ["ibug/image_003_1.jpg", "ibug/image_003_1.pts"])
def test_a_missing_half_of_a_pair_is_named_by_the_other(root, file):
    (root / file).unlink()
    with pytest.raises(DataError, match=r"1 have none .* first is .*image_003_1"):
        open_ibug_pts(root)


def test_two_photos_of_one_name_are_refused(root):
    Image.new("RGB", (8, 8)).save(root / "ibug" / "image_003_1.png")
    with pytest.raises(DataError, match=r"image_003_1\.jpg and image_003_1\.png"):
        open_ibug_pts(root)
