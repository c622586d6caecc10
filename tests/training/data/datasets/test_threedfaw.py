import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.errors import DataError, ImageError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.threedfaw import find_z_sign, open_threedfaw
from tests.training.synthetic_faces import picture, posed_faces

COUNT = 5


@pytest.fixture
def faces():
    return posed_faces(COUNT, seed=5)[0][:, FROM_68]


def _write(root, faces, *, sign=1.0, offset=0.0, split="train"):
    """The layout of the challenge; z times ``sign`` plus ``offset``."""
    (root / f"{split}_img").mkdir(parents=True)
    (root / f"{split}_lm").mkdir()
    for index, face in enumerate(faces):
        Image.fromarray(picture(face)).save(root / f"{split}_img" / f"{index:05}.jpg", quality=95)
        rows = face * [1, 1, sign] + [0, 0, offset]
        lines = [f"{x:.6f},{y:.6f},{z:.6f}" for x, y, z in rows]
        (root / f"{split}_lm" / f"{index:05}_lm.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(("sign", "offset"), [(1.0, 0.0), (1.0, 300.0), (-1.0, 0.0), (-1.0, -75.5)])
def test_z_grows_away_from_the_camera_with_zero_mean_whatever_the_files_have(tmp_path, faces, sign, offset):
    _write(tmp_path, faces, sign=sign, offset=offset)
    data = open_threedfaw(tmp_path)
    assert len(data) == COUNT
    assert data.names == tuple(f"{i:05}" for i in range(COUNT))
    assert data.z_sign == sign
    for index, face in enumerate(faces):
        sample = data.sample(index)
        np.testing.assert_allclose(sample.points[:, :2], face[:, :2], atol=1e-4)
        np.testing.assert_allclose(sample.points[:, 2], face[:, 2] - face[:, 2].mean(), atol=1e-4)
        assert sample.points.dtype == np.float32
        assert sample.points[:, 2].mean() == pytest.approx(0, abs=1e-4)
        assert (sample.weight_xy == 1).all()
        assert (sample.weight_z == 1).all()
    assert sample.name == "3dfaw/train/00004"
    assert np.abs(sample.image.astype(int) - picture(faces[4])).mean() < 5


def test_the_validation_split_is_opened_by_name(tmp_path, faces):
    _write(tmp_path, faces[:2], split="valid")
    data = open_threedfaw(tmp_path, split="valid")
    assert len(data) == 2
    assert data.sample(1).name == "3dfaw/valid/00001"
    with pytest.raises(DataError, match="train_lm"):
        open_threedfaw(tmp_path)


def test_turned_heads_do_not_mislead_the_vote():
    faces = posed_faces(200, seed=1, yaw=85.0, pitch=30.0)[0][:, FROM_68]
    assert find_z_sign(faces) == 1
    assert find_z_sign(faces * [1, 1, -1]) == -1


def test_files_of_both_signs_are_refused(tmp_path, faces):
    _write(tmp_path, np.concatenate([faces, faces * [1, 1, -1]]))
    with pytest.raises(DataError, match=r"train_lm.*5 with a smaller and 5 with a larger z, of 10"):
        open_threedfaw(tmp_path)


def test_files_without_depth_are_refused(tmp_path, faces):
    _write(tmp_path, faces * [1, 1, 0])
    with pytest.raises(DataError, match="have no depth"):
        open_threedfaw(tmp_path)


@pytest.mark.parametrize("line", ["12.5,abc,3", "12.5,3", "1,2,3,4", "1,2,nan", "", "1 2 3"])
def test_a_bad_line_is_named_with_file_and_number(tmp_path, faces, line):
    _write(tmp_path, faces)
    path = tmp_path / "train_lm" / "00003_lm.csv"
    lines = path.read_text().splitlines()
    lines[16] = line
    path.write_text("\n".join(lines))
    with pytest.raises(
        DataError, match=r"expected 3 finite numbers 'x,y,z' in .*00003_lm\.csv, line 17; got "
    ):
        open_threedfaw(tmp_path)


def test_a_file_that_breaks_after_opening_is_named_when_it_is_read(tmp_path, faces):
    _write(tmp_path, faces)
    data = open_threedfaw(tmp_path)
    (tmp_path / "train_lm" / "00001_lm.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"00001_lm\.csv"):
        data.points(1)
    (tmp_path / "train_img" / "00002.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"00002\.jpg"):
        data.sample(2)


@pytest.mark.parametrize("rows", [65, 67])
def test_a_file_of_another_length_is_named(tmp_path, faces, rows):
    _write(tmp_path, faces)
    path = tmp_path / "train_lm" / "00000_lm.csv"
    path.write_text("1,2,3\n" * rows)
    with pytest.raises(DataError, match=rf"expected 66 lines 'x,y,z' in .*00000_lm\.csv, got {rows}"):
        open_threedfaw(tmp_path)


@pytest.mark.parametrize("file", ["train_img/00002.jpg", "train_lm/00002_lm.csv"])
def test_a_missing_half_of_a_pair_is_named_by_the_other(tmp_path, faces, file):
    _write(tmp_path, faces)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match=r"1 have none .* first is .*00002"):
        open_threedfaw(tmp_path)
