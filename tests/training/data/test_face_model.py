import shutil
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.face_model import fit_coefficients, load_face_model
from tests.training import synthetic_faces
from tests.training.synthetic_faces import COEFFICIENT_STD, face_model, turn, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_faces, "picture", lambda points: np.zeros((8, 8, 3), dtype=np.uint8))
        write_data(folder, hand=1, aflw=180, teachers=60)
    return folder


def _similarities(count, seed):
    generator = np.random.default_rng(seed)
    angles = generator.uniform(-180, 180, (count, 3))
    scale = generator.uniform(0.1, 10, count)
    return scale, np.stack([turn(*a) for a in angles]), generator.normal(0, 50, (count, 3))


def test_umeyama_recovers_a_similarity():
    scale, rotation, translation = _similarities(20, seed=1)
    source = np.random.default_rng(2).normal(size=(20, 10, 3))
    target = scale[:, None, None] * np.einsum("npj,nij->npi", source, rotation) + translation[:, None]
    found_scale, found_rotation, found_translation = umeyama(source, target)
    np.testing.assert_allclose(found_scale, scale, rtol=1e-9)
    np.testing.assert_allclose(found_rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(found_translation, translation, atol=1e-8)


def test_umeyama_is_the_best_of_many_similarities():
    generator = np.random.default_rng(3)
    source, target = generator.normal(size=(2, 1, 8, 3))
    scale, rotation, translation = umeyama(source, target)

    def error(s, r, t):
        return np.square(s * source[0] @ r.T + t - target[0]).sum()

    least = error(scale[0], rotation[0], translation[0])
    for _ in range(200):
        nearby = turn(*generator.normal(0, 5, 3)) @ rotation[0]
        moved = translation[0] + generator.normal(0, 0.05, 3)
        assert error(scale[0] * np.exp(generator.normal(0, 0.05)), nearby, moved) >= least


def test_umeyama_never_reflects():
    source = np.random.default_rng(4).normal(size=(20, 10, 3))
    _, rotation, _ = umeyama(source, source * [-1, 1, 1])
    np.testing.assert_allclose(np.linalg.det(rotation), 1, rtol=1e-9)
    np.testing.assert_allclose(
        np.einsum("nij,nkj->nik", rotation, rotation), np.eye(3)[None].repeat(20, 0), atol=1e-9
    )


def test_coefficients_of_the_models_own_shapes_are_found():
    model = face_model()
    generator = np.random.default_rng(8)
    shapes = model.shapes(generator.normal(size=(20, 6)) * COEFFICIENT_STD)
    turns = np.stack([turn(*angles) for angles in generator.uniform(-40, 40, (20, 3))])
    points = np.einsum("nij,npj->npi", turns, shapes) * 40 + [100, 90, 5]
    found = model.shapes(fit_coefficients(model, points, rounds=200, ridge=1e-9))
    scale, rotation, translation = umeyama(found, points)
    again = scale[:, None, None] * np.einsum("nij,npj->npi", rotation, found) + translation[:, None]
    np.testing.assert_allclose(again, points, atol=0.05)


def test_basis_comes_in_the_librarys_frame(data):
    model, truth = load_face_model(data), face_model()
    np.testing.assert_allclose(model.mean, truth.mean, atol=1e-6)
    np.testing.assert_allclose(model.basis, truth.basis, atol=1e-6)
    nose, right_eye, left_eye, chin = model.mean[[30, 36, 45, 8]]
    assert nose[2] < min(right_eye[2], left_eye[2])  # z points away from the camera,
    assert right_eye[0] < left_eye[0]  # x to the image's right,
    assert chin[1] > nose[1]  # and y down.


def test_prior_is_that_of_the_predicted_faces(data):
    model = load_face_model(data)
    assert model.prior_mean.shape == (6,)
    np.testing.assert_allclose(model.prior_mean, 0, atol=0.05)
    # A similarity takes up some of "wider" and "longer".
    spread = np.sqrt(np.diag(model.prior_covariance))
    np.testing.assert_allclose(spread[2:], COEFFICIENT_STD[2:], rtol=0.4)
    assert np.linalg.eigvalsh(model.prior_covariance).min() >= -1e-12


def test_shapes_are_mean_plus_coefficients_times_basis():
    model = face_model()
    coefficients = np.random.default_rng(6).normal(size=(3, 6))
    shapes = model.shapes(coefficients)
    for shape, row in zip(shapes, coefficients, strict=True):
        expected = model.mean.copy()
        for coefficient, vector in zip(row, model.basis, strict=True):
            expected += coefficient * vector
        np.testing.assert_allclose(shape, expected)


@pytest.mark.parametrize("name", ["models/bfm68_basis.npz", "faces/aflw.npz", "photos68/teachers.npz"])
@pytest.mark.parametrize(
    "damage", ["missing", "empty", "text", "cut short", "another archive", "NaN", "wrong shape"]
)
def test_errors_name_the_file(data, tmp_path, name, damage):
    for each in ("models/bfm68_basis.npz", "faces/aflw.npz", "faces/teachers.npz", "photos68/teachers.npz"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        shutil.copy(data / each, tmp_path / each)
    path = tmp_path / name
    _spoil(path, damage)
    with pytest.raises(DataError, match=path.name):
        load_face_model(tmp_path)


def _spoil(path: Path, damage):
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not an archive")
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "another archive":
        np.savez(path, something_else=np.zeros(3))
    else:
        with np.load(path) as archive:
            arrays = dict(archive)
        key = next(key for key in arrays if key in ("mean", "tddfa68_x32", "helen_train_tddfa68_x32"))
        arrays[key] = arrays[key][..., :2] if damage == "wrong shape" else arrays[key] * np.float32("nan")
        np.savez(path, **arrays)
