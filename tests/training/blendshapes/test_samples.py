"""Made faces: which expressions, which sides, which errors; the real head model where the data are."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes.mirroring import mirror_permutation
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import GROUPS, MIRROR
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.training.blendshapes.expression_model import (
    ExpressionModel,
    arkit_name,
    load_expression_model,
)
from face_alignment_3d.training.blendshapes.mixes import sample_mixes
from face_alignment_3d.training.blendshapes.samples import (
    realistic_noise,
    training_faces,
    unseen_faces,
    white_noise,
)

AT = {name: index for index, name in enumerate(BLENDSHAPES)}
DATA_VARIABLE = "FACE_ALIGNMENT_3D_DATA"
DATA = Path(os.environ.get(DATA_VARIABLE, Path(__file__).parents[3].parent / "shared" / "data"))


@pytest.fixture(scope="module")
def real_model() -> ExpressionModel:
    if not (DATA / "models" / "ict_facekit.npz").is_file():
        pytest.skip(f"ICT-FaceKit is not below {DATA}; {DATA_VARIABLE} says where the data are")
    return load_expression_model(DATA)


@pytest.fixture(scope="module")
def mixes() -> np.ndarray:
    return sample_mixes(20_000, np.random.default_rng(0))


def _rises(model: ExpressionModel, name: str, points: list[int]) -> float:
    """The distance by which ``points`` move up, in centimeters."""
    return float(-model.shapes[AT[name], points, 1].mean())


def _goes_left(model: ExpressionModel, name: str, points: list[int]) -> float:
    """The distance by which ``points`` move to the subject's left."""
    return float(model.shapes[AT[name], points, 0].mean())


_RIGHT = {"brow": [17, 18, 19, 20, 21], "inner_brow": [20, 21], "upper_lid": [37, 38], "mouth_corner": [48]}
_LEFT = {"brow": [22, 23, 24, 25, 26], "inner_brow": [22, 23], "upper_lid": [43, 44], "mouth_corner": [54]}


@pytest.mark.parametrize(
    ("stem", "part", "up"),
    [
        ("eyeBlink", "upper_lid", False),
        ("eyeWide", "upper_lid", True),
        ("eyeLookDown", "upper_lid", False),
        ("eyeLookUp", "upper_lid", True),
        ("browDown", "brow", False),
        ("browOuterUp", "brow", True),
        ("mouthSmile", "mouth_corner", True),
        ("mouthFrown", "mouth_corner", False),
        ("mouthStretch", "mouth_corner", False),
        ("mouthDimple", "mouth_corner", True),
    ],
)
def test_shapes_move_what_arkit_says_on_their_own_side(
    real_model: ExpressionModel, stem: str, part: str, up: bool
) -> None:
    for side, own, other in (("Left", _LEFT, _RIGHT), ("Right", _RIGHT, _LEFT)):
        name = f"{stem}{side}"
        assert (_rises(real_model, name, own[part]) > 0) == up
        moved = np.linalg.norm(real_model.shapes[AT[name]], axis=1)
        assert moved[own[part]].mean() > 5 * moved[other[part]].mean()


def test_shapes_without_sides(real_model: ExpressionModel) -> None:
    inner_brows, lower_lip = _LEFT["inner_brow"] + _RIGHT["inner_brow"], [55, 56, 57, 58, 59]
    assert min(_rises(real_model, "browInnerUp", [point]) for point in inner_brows) > 0.1
    assert _rises(real_model, "jawOpen", [*lower_lip, 8]) < -1
    assert _rises(real_model, "mouthClose", lower_lip) > 1
    # Left is the subject's own, who is seen from the front: the image's right.
    chin, lips = [7, 8, 9], list(GROUPS["outer_lips"])
    assert _goes_left(real_model, "jawLeft", chin) > 0.1 > -0.1 > _goes_left(real_model, "jawRight", chin)
    assert _goes_left(real_model, "mouthLeft", lips) > 0.1 > -0.1 > _goes_left(real_model, "mouthRight", lips)
    forward = real_model.shapes[AT["jawForward"], chin, 2]
    assert forward.max() < -0.1  # Towards the viewer.
    assert not real_model.shapes[AT["tongueOut"]].any()


def test_the_model_is_as_symmetric_as_its_names(real_model: ExpressionModel) -> None:
    mirrored = real_model.shapes[mirror_permutation(BLENDSHAPES)][:, MIRROR] * [-1.0, 1.0, 1.0]
    assert np.abs(mirrored - real_model.shapes).max() < 0.15
    assert real_model.neutral[45, 0] > 0 > real_model.neutral[36, 0]


def test_names_of_shapes() -> None:
    assert arkit_name("eyeBlink_L") == "eyeBlinkLeft"
    assert arkit_name("browInnerUp_R") == "browInnerUp"
    assert arkit_name("jawLeft") == "jawLeft"
    assert arkit_name("cheekRaiser_L") is None


def _write_model(folder: Path, names: list[str]) -> None:
    (folder / "models").mkdir()
    rng = np.random.default_rng(0)
    shapes = rng.standard_normal((len(names), 70, 3)).astype(np.float16)
    np.savez(
        folder / "models" / "ict_facekit.npz",
        neutral=rng.standard_normal((70, 3)),
        identity=rng.standard_normal((4, 70, 3)),
        expression=shapes,
        expression_names=np.array(names),
    )
    content = {"idx_to_landmark_verts": list(range(68))}
    (folder / "models" / "ict_vertex_indices.json").write_text(json.dumps(content))


def _all_shapes() -> list[str]:
    names = [name for name in BLENDSHAPES if name not in ("tongueOut", "browInnerUp")]
    return [*names, "browInnerUp_L", "browInnerUp_R", "cheekRaiser_L"]


def test_loading_joins_what_arkit_has_once(tmp_path: Path) -> None:
    _write_model(tmp_path, _all_shapes())
    model = load_expression_model(tmp_path)
    assert model.shapes.shape == (52, 66, 3)
    raw = np.load(tmp_path / "models" / "ict_facekit.npz")["expression"].astype(float)
    joined = (raw[-3] + raw[-2])[0] * [1, -1, -1]
    np.testing.assert_allclose(model.shapes[AT["browInnerUp"], 0], joined)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (_all_shapes()[1:], "lacks eyeBlinkLeft"),
        ([*_all_shapes(), "earWiggle"], "ARKit's names .* earWiggle"),
    ],
)
def test_models_with_other_shapes_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    _write_model(tmp_path, names)
    with pytest.raises(DataError, match=message):
        load_expression_model(tmp_path)


def test_a_missing_model_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ict_facekit\.npz"):
        load_expression_model(tmp_path)


def test_mixes_are_blendshapes(mixes: np.ndarray) -> None:
    assert mixes.shape == (20_000, 52)
    assert mixes.min() == 0
    assert mixes.max() <= 1
    assert not mixes[:, AT["tongueOut"]].any()
    others = np.delete(mixes, AT["tongueOut"], axis=1)
    assert ((others > 0).mean(axis=0) > 0.005).all()
    gaze = [AT[name] for name in BLENDSHAPES if name.startswith("eyeLook")]
    assert mixes[:, gaze].max() <= 0.5
    active = (mixes > 0).sum(axis=1)
    assert (active == 0).mean() > 0.08
    assert np.median(active[active > 0]) <= 8


def test_mixes_leave_out_what_cannot_be(mixes: np.ndarray) -> None:
    for first, second in (
        ("jawLeft", "jawRight"),
        ("mouthSmileLeft", "mouthFrownLeft"),
        ("eyeBlinkRight", "eyeWideRight"),
        ("mouthFunnel", "mouthPucker"),
        ("mouthStretchRight", "mouthPucker"),
    ):
        assert not ((mixes[:, AT[first]] > 0) & (mixes[:, AT[second]] > 0)).any()
    assert (mixes[:, AT["mouthClose"]] <= mixes[:, AT["jawOpen"]]).all()
    # One side may do what the other does not.
    smiles = mixes[:, [AT["mouthSmileLeft"], AT["mouthSmileRight"]]]
    assert ((smiles > 0).sum(axis=1) == 1).any()


def test_mirrored_mixes_are_as_likely(mixes: np.ndarray) -> None:
    means = mixes.mean(axis=0)
    np.testing.assert_allclose(means[mirror_permutation(BLENDSHAPES)], means, atol=0.01)


def test_noise_has_the_size_it_says() -> None:
    rng = np.random.default_rng(0)
    assert white_noise(2000, rng, deviation=0.01).std() == pytest.approx(0.01, rel=0.02)
    noise = realistic_noise(4000, rng, largest=0.02)
    nose = noise[:, list(GROUPS["nose_base"])]
    assert nose[..., :2].std() == pytest.approx(0.02 / np.sqrt(3), rel=0.05)
    assert nose[..., 2].std() > 1.3 * nose[..., 1].std()
    assert noise[:, :17, :2].std() > 2 * nose[..., :2].std()
    assert noise[:, 37, 0].std() > 1.5 * noise[:, 37, 1].std()  # Along the lid.


def test_neighbors_err_alike() -> None:
    noise = realistic_noise(4000, np.random.default_rng(1), largest=0.02)
    near = np.corrcoef(noise[:, 37, 1], noise[:, 38, 1])[0, 1]
    far = np.corrcoef(noise[:, 37, 1], noise[:, 57, 1])[0, 1]
    assert near > 0.3
    assert abs(far) < 0.1


def _small_model() -> ExpressionModel:
    rng = np.random.default_rng(2)
    shapes = 0.5 * rng.standard_normal((52, 66, 3))
    return ExpressionModel(9 * MEAN_FACE, 0.1 * rng.standard_normal((3, 66, 3)), shapes)


def test_made_faces_are_canonical_whatever_their_pose() -> None:
    model = _small_model()
    faces = unseen_faces(model, 50, np.random.default_rng(0), noise=0.0)
    assert faces.points.shape == (50, 66, 3)
    assert faces.points.dtype == faces.blendshapes.dtype == np.float32
    resting = faces.points[faces.blendshapes.max(axis=1) == 0]
    assert len(resting) > 1
    assert np.abs(resting - MEAN_FACE).max() < 0.2


def test_the_same_seed_makes_the_same_faces() -> None:
    model = _small_model()
    first, second, other = (training_faces(model, 20, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.points, second.points)
    assert not np.array_equal(first.points, other.points)
