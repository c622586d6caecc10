"""Blendshapes of faces whose expression is known: range, sides, what is NaN, calibration."""

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest

from face_alignment_3d.arkit import BLENDSHAPES, require_blendshapes
from face_alignment_3d.blendshapes import NOT_VISIBLE, VISIBLE, BlendshapeEstimator
from face_alignment_3d.blendshapes.mirroring import mirror_permutation, mirrored_name
from face_alignment_3d.blendshapes.weights_file import load_blendshape_model
from face_alignment_3d.errors import LandmarksError, WeightsError
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import GROUPS, MIRROR
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.weights.store import resolve_weights

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def estimator() -> BlendshapeEstimator:
    return BlendshapeEstimator(offline=True)


@pytest.fixture(scope="module")
def neutral() -> Floats:
    """(66, 3), canonical: the landmarks that are read as the mean face without expression."""
    weights = load_blendshape_model(resolve_weights("blendshapes", offline=True))
    points = weights.neutral + weights.reading.offset
    for _ in range(100):
        points = points - 0.3 * (weights.reading.read(points[None])[0] - weights.neutral)
    np.testing.assert_allclose(weights.reading.read(points[None])[0], weights.neutral, atol=1e-4)
    return points


def _face(points: Floats, *, yaw: float = 0.0, scale: float = 100.0) -> Face3D:
    posed = scale * points @ rotation_by(yaw, 5.0, -8.0).T + [320.0, 240.0, 0.0]
    return Face3D(posed, np.ones(66, np.float32), np.zeros(4, np.float32), None)


def _open_mouth(points: Floats) -> Floats:
    """The jaw down and back, as it turns about the ears."""
    opened = points.copy()
    jaw = np.abs(np.arange(17) - 8)
    opened[:17, 1:] += np.clip(1 - jaw / 8, 0, 1)[:, None] * [0.33, 0.3]
    opened[[55, 56, 57, 58, 59], 1:] += [0.33, 0.2]
    opened[[63, 64, 65], 1:] += [0.36, 0.2]
    opened[[48, 54], 1:] += [0.13, 0.08]
    return opened


def _smile(points: Floats, *, left: float, right: float) -> Floats:
    smiling = points.copy()
    for corner, neighbors, amount, side in ((54, (53, 55), left, 1), (48, (49, 59), right, -1)):
        smiling[corner] += amount * np.array([0.079 * side, -0.118, 0.102])
        smiling[list(neighbors)] += amount * np.array([0.053 * side, -0.067, 0.066])
    return smiling


def _noisy(points: Floats, seed: int) -> Floats:
    return points + np.random.default_rng(seed).normal(0, 0.03, points.shape)


def test_all_52_come_in_arkits_order_within_range(estimator: BlendshapeEstimator, neutral: Floats) -> None:
    for seed in range(20):
        blendshapes = estimator.estimate(_face(_noisy(neutral, seed)))
        assert list(blendshapes) == list(BLENDSHAPES)
        require_blendshapes(blendshapes)
        assert blendshapes.array.shape == (52,)
        np.testing.assert_array_equal([blendshapes[name] for name in blendshapes], blendshapes.array)
    with pytest.raises(KeyError):
        blendshapes["jawopen"]
    with pytest.raises(ValueError, match="read-only"):
        blendshapes.array[0] = 1


def test_what_points_do_not_show_is_nan_and_nothing_else(
    estimator: BlendshapeEstimator, neutral: Floats
) -> None:
    blendshapes = estimator.estimate(_face(neutral))
    assert {name for name, value in blendshapes.items() if np.isnan(value)} == NOT_VISIBLE
    assert blendshapes.visible == VISIBLE
    assert {"cheekPuff", "tongueOut", "eyeLookUpLeft"} < NOT_VISIBLE
    assert {"jawOpen", "mouthSmileLeft", "eyeBlinkRight", "browInnerUp"} < set(VISIBLE)


def test_a_face_at_rest_has_next_to_none(estimator: BlendshapeEstimator, neutral: Floats) -> None:
    assert np.nanmax(estimator.estimate(_face(neutral)).array) < 0.1


def test_an_open_mouth_and_a_smile_on_one_side(estimator: BlendshapeEstimator, neutral: Floats) -> None:
    assert estimator.estimate(_face(_open_mouth(neutral)))["jawOpen"] > 0.7
    half = estimator.estimate(_face(_smile(neutral, left=1.0, right=0.0)))
    assert half["mouthSmileLeft"] > 0.6
    assert half["mouthSmileRight"] < 0.15
    assert half["jawOpen"] < 0.1


def test_shut_lids_of_the_network_are_a_blink(estimator: BlendshapeEstimator, neutral: Floats) -> None:
    # The network brings the lids together by about a third when an eye shuts.
    shut = neutral.copy()
    for upper, lower in ((43, 47), (44, 46)):
        shut[upper] += 0.55 * (shut[lower] - shut[upper])
    blendshapes = estimator.estimate(_face(shut))
    assert blendshapes["eyeBlinkLeft"] > 0.4
    assert blendshapes["eyeBlinkRight"] < 0.15


@pytest.mark.parametrize("seed", range(5))
def test_mirrored_faces_have_mirrored_blendshapes(
    estimator: BlendshapeEstimator, neutral: Floats, seed: int
) -> None:
    points = _smile(_open_mouth(_noisy(neutral, seed)), left=0.8, right=0.1)
    given = estimator.estimate(_face(points))
    posed = _face(points).landmarks[MIRROR] * [-1.0, 1.0, 1.0]
    mirrored = estimator.estimate(Face3D(posed, np.ones(66, np.float32), np.zeros(4, np.float32), None))
    np.testing.assert_allclose(mirrored.array[mirror_permutation(BLENDSHAPES)], given.array, atol=1e-6)
    assert mirrored_name("jawLeft") == "jawRight"
    assert mirrored_name("browInnerUp") == "browInnerUp"


def test_neither_pose_nor_size_matter(estimator: BlendshapeEstimator, neutral: Floats) -> None:
    points = _smile(_noisy(neutral, 1), left=0.5, right=0.9)
    near = estimator.estimate(_face(points))
    turned = estimator.estimate(_face(points, yaw=50.0, scale=31.0))
    np.testing.assert_allclose(turned.array, near.array, atol=1e-6)


def test_calibration_takes_a_persons_own_face_for_rest(
    estimator: BlendshapeEstimator, neutral: Floats
) -> None:
    # Somebody with high brows, a wide mouth whose corners hang, and narrow eyes.
    person = neutral.copy()
    person[list(GROUPS["left_brow"]) + list(GROUPS["right_brow"]), 1] -= 0.05
    person[[48, 54]] += [[-0.03, 0.04, 0.0], [0.03, 0.04, 0.0]]
    person[[37, 38, 43, 44], 1] += 0.015
    before = estimator.estimate(_face(person))
    assert np.nanmax(before.array) > 0.15  # Their features are taken for an expression.

    calibrated = estimator.calibrated(_face(person, yaw=10))
    assert calibrated.is_calibrated
    assert not estimator.is_calibrated
    assert np.nanmax(calibrated.estimate(_face(person)).array) < 1e-6
    assert {n for n, v in calibrated.estimate(_face(person)).items() if np.isnan(v)} == NOT_VISIBLE
    laughing = _smile(_open_mouth(person), left=1.3, right=1.3)
    assert calibrated.estimate(_face(laughing))["jawOpen"] > 0.7
    assert calibrated.estimate(_face(_smile(person, left=1.6, right=1.6)))["mouthSmileLeft"] == 1.0


def test_several_faces_calibrate_by_their_mean(estimator: BlendshapeEstimator, neutral: Floats) -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, neutral.shape)
    frames = [_face(neutral + noise), _face(neutral - noise)]
    by_one, by_both = (
        np.nanmax(estimator.calibrated(shown).estimate(_face(neutral)).array) for shown in (frames[0], frames)
    )
    assert by_both < 0.1
    assert by_both < by_one / 2
    with pytest.raises(ValueError, match="at least one face"):
        estimator.calibrated([])


def test_a_face_without_pose_has_no_blendshapes(estimator: BlendshapeEstimator) -> None:
    with pytest.raises(LandmarksError, match="on a line"):
        estimator.estimate(_face(np.ones((66, 3))))


def test_faces_carry_them_when_asked(estimator: BlendshapeEstimator, neutral: Floats) -> None:
    face = _face(_open_mouth(neutral))
    assert face.blendshapes is None
    asked = estimator.annotate(face)
    assert asked.blendshapes is not None
    np.testing.assert_array_equal(asked.blendshapes.array, estimator.estimate(face).array)
    assert asked.blendshapes["jawOpen"] > 0.5
    np.testing.assert_array_equal(asked.landmarks, face.landmarks)
    assert estimator.annotate(_face(np.ones((66, 3)))).blendshapes is None


def test_weights_of_a_cascade_are_refused(neutral: Floats) -> None:
    with pytest.raises(WeightsError, match="'lite' are of kind 'cascade'; here 'blendshapes' is needed"):
        BlendshapeEstimator("lite", offline=True)
    by_path = BlendshapeEstimator(resolve_weights("lite", offline=True))  # Reads no file.
    with pytest.raises(WeightsError, match=r"lite.safetensors does not hold blendshapes"):
        by_path.estimate(_face(neutral))


def test_torch_is_not_needed() -> None:
    code = """
import sys
import numpy as np
from face_alignment_3d.blendshapes import BlendshapeEstimator
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose.mean_face import MEAN_FACE
face = Face3D(100 * MEAN_FACE, np.ones(66), np.zeros(4), None)
estimator = BlendshapeEstimator(offline=True)
estimator.calibrated(face).estimate(face)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
