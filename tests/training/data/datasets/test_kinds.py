from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.kinds import KINDS, KINDS_TO_LIFT, open_dataset
from face_alignment_3d.training.data.datasets.on_demand import SamplesOnDemand, around_face
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import Pool
from tests.training.synthetic_faces import face_model, picture, posed_faces

COUNT = 2


def _write_any(kind, root):
    """A tiny set of ``kind`` in which each face has its dots where its labels are."""
    faces = posed_faces(COUNT, seed=17, yaw=20.0, pitch=5.0, roll=0.0)[0]
    folders = {"3dfaw": "train_img", "aflw2000": ".", "300w-lp": "HELEN", "ibug-pts": "helen"}
    photos = root / folders[kind]
    photos.mkdir(parents=True, exist_ok=True)
    for index, face in enumerate(faces):
        Image.fromarray(picture(face)).save(photos / f"{index}.png")
        matlab = face[:, :2] + 1
        if kind == "3dfaw":
            (root / "train_lm").mkdir(exist_ok=True)
            rows = [",".join(map(str, point)) for point in face[FROM_68]]
            (root / "train_lm" / f"{index}_lm.csv").write_text("\n".join(rows))
        elif kind == "aflw2000":
            labels = np.column_stack([matlab, -face[:, 2]]).T
            savemat(root / f"{index}.mat", {"pt3d_68": labels, "Pose_Para": np.zeros((1, 7))})
        elif kind == "300w-lp":
            for part in ("HELEN", "IBUG", "LFPW"):
                (root / part).mkdir(exist_ok=True)
                (root / "landmarks" / part).mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture(face)).save(root / part / f"{index}.png")
                savemat(root / part / f"{index}.mat", {"Pose_Para": np.zeros((1, 7))})
                savemat(root / "landmarks" / part / f"{index}_pts.mat", {"pts_3d": matlab})
        else:
            rows = "\n".join(f"{x} {y}" for x, y in matlab)
            (photos / f"{index}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}")
    return faces


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_yields_the_same_samples(tmp_path, kind):
    faces = _write_any(kind, tmp_path)
    data = open_dataset(kind, tmp_path, model=face_model())
    assert len(data) == len(data.names) == (3 * COUNT if kind == "300w-lp" else COUNT)
    for index in range(COUNT):
        sample = data.sample(index)
        face = faces[index, FROM_68]
        # The hidden jaw of a hand-labelled face is the fit's.
        np.testing.assert_allclose(sample.points[17:, :2], face[17:, :2], atol=1e-3)
        eyes = np.linalg.norm(face[36] - face[45])
        assert np.abs(sample.points[:, 2] - (face[:, 2] - face[:, 2].mean())).mean() / eyes < 0.1
        assert sample.weight_xy.min() > 0
        assert (sample.weight_z == 1).all()
        np.testing.assert_array_equal(sample.image, picture(faces[index]))
        np.testing.assert_array_equal(data.image(index), sample.image)
        for array, shape in ((sample.points, (66, 3)), (sample.weight_xy, (66,)), (sample.weight_z, (66,))):
            assert array.shape == shape
            assert array.dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_only_kinds_to_lift_need_a_model_for_z(tmp_path, kind):
    _write_any(kind, tmp_path)
    weight = open_dataset(kind, tmp_path).sample(0).weight_z
    assert (weight == (0 if kind in KINDS_TO_LIFT else 1)).all()


def test_another_kind_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(DataError, match="3dfaw, aflw2000, 300w-lp, ibug-pts; got 'wflw'"):
        open_dataset("wflw", tmp_path)


def test_samples_on_demand_are_a_sequence_that_a_pool_takes(tmp_path):
    faces = _write_any("3dfaw", tmp_path)
    samples = SamplesOnDemand(open_dataset("3dfaw", tmp_path), face_size=60)
    assert len(samples) == len(list(samples)) == COUNT
    assert Pool(samples, 1.0, np.full(COUNT, 0.5)).samples[1].name == "3dfaw/train/1"
    assert [s.name for s in samples[::-1]] == ["3dfaw/train/1", "3dfaw/train/0"]
    assert samples[-1].name == samples[1].name
    with pytest.raises(IndexError):
        samples[COUNT]
    x0, y0 = samples[0].points[:, :2].min(axis=0)
    x1, y1 = samples[0].points[:, :2].max(axis=0)
    assert max(x1 - x0, y1 - y0) == pytest.approx(60, abs=1)
    assert samples[0].image.shape[0] < picture(faces[0]).shape[0]


def _face_in(height, width, center, size):
    points = np.random.default_rng(3).uniform(-0.5, 0.5, (66, 3)) * size
    points[:2, :2] = [[-size / 2, -size / 2], [size / 2, size / 2]]
    points[:, :2] += center
    image = np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Sample("a/b", image, points.astype(np.float32), np.ones(66, np.float32), np.ones(66, np.float32))


def test_a_photo_is_cut_between_pixels():
    sample = _face_in(300, 400, (201.3, 148.6), 40.0)
    cut = around_face(sample, face_size=100)
    (dx, dy, dz), *_ = offsets = sample.points - cut.points
    np.testing.assert_allclose(offsets, np.broadcast_to([dx, dy, dz], (66, 3)), atol=1e-4)
    assert dz == 0
    left, top = round(float(dx)), round(float(dy))
    assert (dx, dy) == (pytest.approx(left, abs=1e-4), pytest.approx(top, abs=1e-4))
    height, width = cut.image.shape[:2]
    np.testing.assert_array_equal(cut.image, sample.image[top : top + height, left : left + width])
    # 2.2 times the face, with the pixels that its edges lie in.
    assert 88 <= height <= 91
    assert 88 <= width <= 91
    assert cut.image.base is None or cut.image.base.size < sample.image.size
    assert cut.weight_xy is sample.weight_xy
    assert cut.name == "a/b"


def test_a_cut_stops_at_the_photos_edges():
    sample = _face_in(100, 120, (60.0, 50.0), 90.0)
    cut = around_face(sample, face_size=100)
    np.testing.assert_array_equal(cut.image, sample.image)
    np.testing.assert_array_equal(cut.points, sample.points)


def test_a_face_outside_its_photo_leaves_some_pixels():
    for center in [(900.0, 50.0), (-900.0, -900.0)]:
        sample = _face_in(100, 120, center, 50.0)
        cut = around_face(sample, face_size=100)
        assert min(cut.image.shape[:2]) >= 1
        np.testing.assert_allclose(np.ptp(cut.points, axis=0), np.ptp(sample.points, axis=0), atol=1e-3)


def test_the_page_on_data_sets_has_every_kind():
    page = (Path(__file__).parents[4] / "docs" / "datasets.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"| `{kind}` |" in page
