import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.training_data import HAND_LABELLED, load_training_data
from face_alignment_3d.training.labels.agreement import teacher_labels
from face_alignment_3d.training.labels.labels import Labels
from face_alignment_3d.training.recipes.config import LITE
from tests.training.synthetic_faces import posed_faces, write_faces, write_models, write_photos68

DERIVED_CONFIG = dataclasses.replace(
    LITE,
    holdout_every=3,
    face_size=80,
    hand_labelled_novel_views_share=0.2,
    teacher_labelled_novel_views_share=0.1,
)
CONFIG = dataclasses.replace(LITE, holdout_every=3, face_size=80)
YAW = [0, 40, -40, 0, 60, 0]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_models(folder, posed_faces(60, seed=5)[0])
    for seed, name in enumerate(HAND_LABELLED):
        write_photos68(folder, name, posed_faces(4, seed=seed)[0])
    faces = posed_faces(6, seed=9)[0]
    write_faces(folder, faces, yaw=YAW, disagreement=[0.01, 0.01, 0.3, 0.3, 0.01, 0.01])
    return load_training_data(folder, CONFIG), faces


def test_afw_is_never_trained_on():
    assert "afw" not in HAND_LABELLED


def test_hand_labelled_photos_are_split(loaded):
    data, _ = loaded
    trained = {sample.name for sample in data.hand}
    held_out = {sample.name for sample in data.validation["hand"]}
    assert len(trained) == 5
    assert len(held_out) == 3
    assert not trained & held_out
    assert {name.split("/")[0] for name in trained} == set(HAND_LABELLED)


def test_samples_are_whole(loaded):
    data, _ = loaded
    for sample in [*data.hand, *data.validation["hand"], *data.validation["turned"]]:
        assert sample.points.shape == (66, 3)
        assert sample.points.dtype == sample.weight_xy.dtype == sample.weight_z.dtype == np.float32
        assert sample.image.dtype == np.uint8
        assert np.isfinite(sample.points).all()
        assert abs(sample.points[:, 2].mean()) < 1e-3
        extent = np.ptp(sample.points[:, :2], axis=0).max()
        assert 70 < extent < 90


def test_turned_faces_on_which_the_teachers_agree_are_held_out(loaded):
    data, _ = loaded
    assert data.teacher_labelled.held_out().tolist() == [False, True, False, False, True, False]
    assert [sample.name for sample in data.validation["turned"]] == ["set/face_1.png", "set/face_4.png"]


def test_teacher_labelled_labels_lie_in_the_shrunk_photos(loaded):
    data, faces = loaded
    samples = data.teacher_labelled.samples(teacher_labels(data.teacher_labelled.faces))
    for sample, face, scale in zip(samples, faces, data.teacher_labelled.scales, strict=True):
        assert scale == pytest.approx(sample.image.shape[1] / 220)
        np.testing.assert_allclose(sample.points[:, :2], (face[FROM_68, :2] + 0.5) * scale - 0.5, atol=0.05)


def test_pools_leave_out_what_is_held_out_or_not_believed(loaded):
    data, _ = loaded
    hand, teacher_labelled = data.pools(
        CONFIG, teacher_labels(data.teacher_labelled.faces), teacher_labelled_share=0.3
    )
    assert [sample.name for sample in teacher_labelled.samples] == ["set/face_0.png", "set/face_5.png"]
    assert list(hand.samples) == data.hand
    assert (hand.share, teacher_labelled.share) == (0.7, 0.3)
    for pool in (hand, teacher_labelled):
        assert pool.sampling_weights.sum() == pytest.approx(1)
        assert len(pool.sampling_weights) == len(pool.samples)


def test_turned_faces_are_drawn_more_often(loaded):
    data, _ = loaded
    labels = teacher_labels(data.teacher_labelled.faces)
    labels.weight_xy[:] = 0.3  # So that faces 2 (turned, not held out) and 3 are in.
    _, teacher_labelled = data.pools(CONFIG, labels, teacher_labelled_share=0.3)
    sampling_weights = dict(
        zip(
            [sample.name for sample in teacher_labelled.samples],
            teacher_labelled.sampling_weights,
            strict=True,
        )
    )
    assert list(sampling_weights) == ["set/face_0.png", "set/face_2.png", "set/face_3.png", "set/face_5.png"]
    assert sampling_weights["set/face_2.png"] == pytest.approx(
        CONFIG.turned_factor * sampling_weights["set/face_0.png"]
    )
    assert sampling_weights["set/face_3.png"] == sampling_weights["set/face_0.png"]


def write_views(derived_data, name, sources):
    """``novel_views/<name>``: a gray view of each source."""
    folder = derived_data / "novel_views" / name
    folder.mkdir(parents=True)
    names = [f"{source}_0" for source in sources]
    for stem in names:
        Image.new("L", (60, 60), 90).save(folder / f"{stem}.jpg")
    zeros = np.zeros(len(names))
    points = np.random.default_rng(0).uniform(10, 50, (len(names), 66, 3))
    np.savez(
        folder.with_suffix(".npz"),
        names=names,
        sources=sources,
        points66=points - points.mean(axis=1, keepdims=True) * [0, 0, 1],
        yaw=zeros,
        pitch=zeros,
        roll=zeros,
    )


@pytest.fixture(scope="module")
def folders_with_derived_data(tmp_path_factory):
    folder, derived_data = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("derived")
    write_models(folder, posed_faces(60, seed=5)[0])
    for seed, name in enumerate(HAND_LABELLED):
        write_photos68(folder, name, posed_faces(4, seed=seed)[0])
        write_views(derived_data, name, [f"face_{i}" for i in range(4)])
    faces = posed_faces(6, seed=9)[0]
    write_faces(folder, faces, yaw=YAW, disagreement=[0.01, 0.01, 0.3, 0.3, 0.01, 0.01])
    write_views(derived_data, "pseudo", [f"set_face_{i}" for i in range(6)])
    ones = np.ones((6, 66), dtype=np.float32)
    labels = Labels(faces[:, FROM_68].astype(np.float32), ones, ones)
    names = [f"set/face_{i}.png" for i in range(6)]
    np.savez(derived_data / "pseudo_labels.npz", names=names, **labels._asdict())
    return folder, derived_data


@pytest.fixture(scope="module")
def loaded_with_derived_data(folders_with_derived_data):
    folder, derived_data = folders_with_derived_data
    return load_training_data(folder, DERIVED_CONFIG, derived_data)


def test_pseudo_labels_of_other_faces_are_refused(folders_with_derived_data, tmp_path):
    folder, derived_data = folders_with_derived_data
    shutil.copytree(derived_data, tmp_path, dirs_exist_ok=True)
    with np.load(derived_data / "pseudo_labels.npz") as arrays:
        np.savez(tmp_path / "pseudo_labels.npz", **{**arrays, "names": arrays["names"][::-1]})
    with pytest.raises(DataError, match="other faces"):
        load_training_data(folder, DERIVED_CONFIG, tmp_path)


def test_no_view_of_a_held_out_photo_is_trained_on(loaded_with_derived_data):
    data = loaded_with_derived_data
    withheld = {sample.name for sample in data.validation["hand"]}
    assert len(withheld) == 3
    views = {sample.name.removesuffix("_0") for sample in data.derived_data.hand_labelled_novel_views}
    assert views == {sample.name for sample in data.hand}
    assert not views & withheld
    teacher_labelled = {sample.name for sample in data.derived_data.teacher_labelled_novel_views}
    assert teacher_labelled == {f"pseudo/set_face_{i}_0" for i in (0, 2, 3, 5)}, "1 and 4 are held out"


def test_turned_photos_have_their_shares(loaded_with_derived_data):
    data = loaded_with_derived_data
    pools = data.pools(DERIVED_CONFIG, data.derived_data.pseudo_labels, teacher_labelled_share=0.3)
    assert [round(pool.share, 6) for pool in pools] == [0.4, 0.3, 0.2, 0.1]
    assert pools[2].samples == data.derived_data.hand_labelled_novel_views
    assert pools[3].samples == data.derived_data.teacher_labelled_novel_views
