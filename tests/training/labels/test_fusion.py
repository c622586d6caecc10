"""Fusing on made faces whose markup, pose and shape are known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.markup import FROM_68, MIRROR, MIRROR_68
from face_alignment_3d.training.data.datasets.face_sets import AFLW_MIRROR, FaceSet, aflw_picks
from face_alignment_3d.training.labels.agreement import NetworkPoints, disagreement, far_jaw
from face_alignment_3d.training.labels.evidence import Evidence
from face_alignment_3d.training.labels.face_fit import fit_faces, predicted_fits
from face_alignment_3d.training.labels.fusion import fuse
from face_alignment_3d.training.labels.markup_offset import markup_offset
from tests.training.synthetic_faces import COEFFICIENT_STD, face_model, turn

MODEL = face_model()
SIZE = 60.0
#: In radii of the mean face: hands mark the nose bridge higher and the lips and brows lower than the model.
OFFSET = np.zeros((68, 2))
OFFSET[27:31, 1] = -0.06
OFFSET[17:27, 1] = 0.05
OFFSET[48:68, 1] = 0.04
OFFSET[21, 0], OFFSET[22, 0] = 0.05, -0.05


@dataclasses.dataclass(frozen=True)
class MadeFaces:
    truth: np.ndarray
    """(N, 68, 3) model points in pixels, z of zero mean over the 66."""
    rotation: np.ndarray
    scale: np.ndarray
    """(N,): pixels per radius of the mean face."""

    def marked(self, offset=OFFSET):
        """(N, 68, 3): where a hand of that markup would put them."""
        moved = np.einsum("nij,kj->nki", self.rotation, np.pad(offset, ((0, 0), (0, 1))))
        return self.truth + moved * self.scale[:, None, None]


def made_faces(count, seed, *, yaw=60.0, pitch=25.0):
    generator = np.random.default_rng(seed)
    shapes = MODEL.shapes(generator.normal(size=(count, 6)) * COEFFICIENT_STD)
    shapes -= MODEL.mean.mean(axis=0)
    angles = generator.uniform(-1, 1, (count, 3)) * [pitch, yaw, 25.0]
    rotation = np.stack([turn(*a) for a in angles])
    truth = np.einsum("nij,npj->npi", rotation, shapes) * SIZE + [110.0, 105.0, 0.0]
    return MadeFaces(truth, rotation, np.full(count, SIZE * MODEL.radius()))


def noisy_prediction(faces, seed, *, tilt=0.0):
    """A network's 3D points: the truth turned by some degrees of its own, and ``tilt`` of pitch for all."""
    generator = np.random.default_rng(seed)
    center = faces.truth.mean(axis=1, keepdims=True)
    turns = np.stack([turn(*angles) for angles in generator.normal([tilt, 0, 0], 4.0, (len(center), 3))])
    return np.einsum("nij,npj->npi", turns, faces.truth - center) + center


def evidence(points, std=0.02, **options):
    count = points.shape[1]
    return Evidence(
        "hand",
        points[..., :2],
        np.full(points.shape[:2], std),
        np.eye(68)[:count],
        MIRROR_68,
        np.ones(points.shape[:2], dtype=bool),
        **options,
    )


def pitch_of(rotation):
    return np.degrees(np.arctan2(rotation[:, 2, 1], np.hypot(rotation[:, 2, 0], rotation[:, 2, 2])))


def test_exact_points_are_fitted_exactly():
    faces = made_faces(40, seed=1)
    fits = fit_faces(MODEL, noisy_prediction(faces, 2), [evidence(faces.truth, 0.005)], {"hand": 0 * OFFSET})
    apart = np.linalg.norm(fits.points()[..., :2] - faces.truth[..., :2], axis=-1).mean(axis=1)
    assert np.median(apart) < 0.01 * SIZE
    np.testing.assert_allclose(np.linalg.det(fits.rotation), 1.0, atol=1e-5)


def test_the_prediction_is_a_fit_to_itself():
    faces = made_faces(20, seed=3)
    fits = predicted_fits(MODEL, faces.truth)
    np.testing.assert_allclose(fits.points()[..., :2], faces.truth[..., :2], atol=0.02 * SIZE)


def test_a_markup_offset_is_found():
    faces = made_faces(300, seed=4)
    hand = evidence(faces.marked() + np.random.default_rng(5).normal(0, 0.6, faces.truth.shape))
    predicted = noisy_prediction(faces, 6)
    offset = markup_offset(predicted_fits(MODEL, predicted), hand)
    for _ in range(3):
        fits = fit_faces(MODEL, predicted, [hand], {"hand": offset})
        offset = markup_offset(fits, hand)
    np.testing.assert_allclose(offset, OFFSET, atol=0.02)
    np.testing.assert_allclose(offset[MIRROR_68] * [-1, 1], offset, atol=1e-9)


def test_pitch_is_not_biased_by_the_markup():
    """Without its offset, the same points pull every face's pitch to one side."""
    faces = made_faces(300, seed=7, yaw=30.0)
    hand = evidence(faces.marked())
    predicted = noisy_prediction(faces, 8)
    truth = pitch_of(faces.rotation)
    offset = markup_offset(predicted_fits(MODEL, predicted), hand)
    known = fit_faces(MODEL, predicted, [hand], {"hand": offset}).pitch() - truth
    ignored = fit_faces(MODEL, predicted, [hand], {"hand": 0 * OFFSET}).pitch() - truth
    assert abs(np.median(known)) < 0.7
    assert abs(np.median(ignored)) > 2 * abs(np.median(known))
    assert np.abs(known).mean() < np.abs(pitch_of(predicted_fits(MODEL, predicted).rotation) - truth).mean()


def test_points_in_a_frame_of_their_own_are_registered():
    faces = made_faces(60, seed=9)
    generator = np.random.default_rng(10)
    scale, shift = np.exp(generator.normal(0, 0.02, 60)), generator.normal(0, 0.02 * SIZE, (60, 1, 2))
    center = faces.truth[..., :2].mean(axis=1, keepdims=True)
    moved = (faces.truth[..., :2] - center) * scale[:, None, None] + center + shift
    there, here = evidence(moved, registered=False), dataclasses.replace(evidence(faces.truth), kind="other")
    fits = fit_faces(MODEL, faces.truth, [there, here], {"hand": 0 * OFFSET, "other": 0 * OFFSET})
    before = np.linalg.norm(moved - faces.truth[..., :2], axis=-1).mean()
    after = np.linalg.norm(fits.registered(there) - faces.truth[..., :2], axis=-1).mean()
    assert after < 0.35 * before


def test_points_that_are_not_there_do_not_matter():
    faces = made_faces(10, seed=11)
    hand = evidence(faces.truth)
    std = hand.std.copy()
    std[:, 40:] = np.inf
    spoiled = hand.points.copy()
    spoiled[:, 40:] = 1e6
    first = fit_faces(MODEL, faces.truth, [dataclasses.replace(hand, std=std)], {"hand": OFFSET})
    second = fit_faces(
        MODEL, faces.truth, [dataclasses.replace(hand, std=std, points=spoiled)], {"hand": OFFSET}
    )
    np.testing.assert_allclose(first.points(), second.points(), atol=1e-4)


def test_picks_are_means_and_their_mirror_is_that_of_the_68():
    picks = aflw_picks()
    assert set(np.round(picks.sum(axis=1), 9)) == {0.0, 1.0}
    np.testing.assert_allclose(picks[AFLW_MIRROR], picks[:, MIRROR_68], atol=1e-12)


@pytest.mark.parametrize(("yaw", "hidden"), [(0.0, []), (30.0, range(8, 17)), (-30.0, range(9))])
def test_the_far_jaw_is_the_side_that_turns_away(yaw, hidden):
    assert np.flatnonzero(far_jaw(np.array([yaw]))[0]).tolist() == list(hidden)


def face_sets(count=60):
    """A hand-labelled set, one with MERL-RAV's and AFLW's points, and one without any."""
    hand, aflw, other = (made_faces(count, seed=seed) for seed in (20, 21, 22))
    state = np.ones((count, 68), dtype=np.uint8)
    state[:, 33] = 2
    state[::2, :4] = 0
    marked = aflw.marked()[..., :2]
    half = np.arange(count) < count // 2
    merl = np.where((half[:, None] & (state > 0))[..., None], marked, np.nan)
    state[~half] = 0
    aflw21 = np.einsum("kp,npd->nkd", aflw_picks(), marked)
    aflw21[:, aflw_picks().sum(axis=1) == 0] = np.nan
    files = tuple(Path(f"{i}.png") for i in range(count))
    sets = [
        FaceSet("hand", files, noisy_prediction(hand, 23), ibug68=hand.marked()[..., :2]),
        FaceSet("aflw", files, noisy_prediction(aflw, 24), merl68=merl, merl_state=state, aflw21=aflw21),
        FaceSet("other", files, noisy_prediction(other, 25)),
    ]
    return sets, {"hand": hand, "aflw": aflw, "other": other}


@pytest.fixture(scope="module")
def fused():
    sets, truth = face_sets()
    network = {
        name: NetworkPoints(faces.marked()[:, FROM_68] + 0.3, np.full((60, 66), 0.2))
        for name, faces in truth.items()
    }
    return sets, truth, fuse(sets, network, MODEL, rounds=2)


def test_labels_are_near_the_truth_in_the_hands_markup(fused):
    _, truth, labels = fused
    for name, limit in (("hand", 0.04), ("aflw", 0.05), ("other", 0.08)):
        expected = truth[name].marked()[:, FROM_68]
        expected = expected - [0, 0, 1] * expected.mean(axis=1, keepdims=True)
        apart = np.linalg.norm(labels.sets[name].points - expected, axis=-1) / SIZE
        assert np.median(apart.mean(axis=1)) < limit, name
        np.testing.assert_allclose(labels.sets[name].points[..., 2].mean(axis=1), 0, atol=1e-3)


def test_inner_points_of_a_careful_hand_are_kept(fused):
    sets, _, labels = fused
    found = labels.sets["hand"].points[:, 17:, :2]
    np.testing.assert_allclose(found, sets[0].ibug68[:, FROM_68][:, 17:], atol=1e-3)
    assert (labels.sets["hand"].weight_xy[:, 17:] == 1).all()


def test_visibility_is_what_somebody_saw(fused):
    sets, _, labels = fused
    found = labels.sets["aflw"]
    half = len(sets[1]) // 2
    assert (found.weight_visible[:half] == 1).all()
    assert (found.weight_visible[half:] == 0).all()
    np.testing.assert_array_equal(found.visible[:half], (sets[1].merl_state == 1)[:half, FROM_68])
    for name in ("hand", "other"):
        assert (labels.sets[name].weight_visible == 0).all()


def test_a_mirrored_set_gives_mirrored_labels():
    sets, _ = face_sets(24)
    hand = sets[0]
    flipped = dataclasses.replace(
        hand,
        predicted=hand.predicted[:, MIRROR_68] * [-1, 1, 1] + [220, 0, 0],
        ibug68=hand.ibug68[:, MIRROR_68] * [-1, 1] + [220, 0],
    )
    first = fuse([hand], {}, MODEL, rounds=1).sets["hand"]
    second = fuse([flipped], {}, MODEL, rounds=1).sets["hand"]
    expected = first.points[:, MIRROR] * [-1, 1, 1] + [220, 0, 0]
    np.testing.assert_allclose(second.points, expected, atol=0.02 * SIZE)
    np.testing.assert_allclose(second.weight_xy, first.weight_xy[:, MIRROR], atol=1e-6)


def test_faces_whose_hand_does_not_fit_are_left_out():
    sets, _ = face_sets(30)
    spoiled = sets[0].ibug68.copy()
    spoiled[3] = np.random.default_rng(0).uniform(0, 220, (68, 2))
    labels = fuse([dataclasses.replace(sets[0], ibug68=spoiled)], {}, MODEL, rounds=1).sets["hand"]
    assert (labels.weight_xy[3] == 0).all()
    assert (labels.weight_z[3] == 0).all()
    assert (labels.weight_z[np.arange(30) != 3] > 0.5).all()


def test_without_a_network_the_faces_that_no_hand_has_marked_count_less():
    sets, _ = face_sets(24)
    labels = fuse(sets, {}, MODEL, rounds=1)
    assert labels.sets["other"].weight_xy.max() <= 0.3 + 1e-6
    assert set(labels.offsets) >= {"ibug", "merl", "aflw"}


def test_disagreement_is_that_of_the_kind_that_is_farthest():
    sets, truth = face_sets(10)
    radius = np.full(10, SIZE)
    points = truth["aflw"].marked()[:, FROM_68]
    near = disagreement(sets[1], NetworkPoints(points, np.zeros((10, 66))), radius)
    moved = points + np.array([6.0, 0, 0])
    far = disagreement(sets[1], NetworkPoints(moved, np.zeros((10, 66))), radius)
    assert near.max() < 0.02
    np.testing.assert_allclose(far, 0.1, atol=0.02)
