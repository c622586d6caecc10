"""Cells answer for the faces that they lie on, and say what decodes to them."""

import numpy as np
import pytest
import torch

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.scout.layout import CHANNELS, UNIT_STRIDES, cells
from face_alignment_3d.detection.scout.search import decoded
from face_alignment_3d.training.detection.losses import TargetBatch, scout_losses
from face_alignment_3d.training.detection.photos import SceneFaces
from face_alignment_3d.training.detection.targets import Targets, make_targets

_SIZE = 256


def _faces(weights: tuple[float, ...] = (1, 1, 1)) -> SceneFaces:
    boxes = OrientedBoxes(
        np.array([[33.3, 41.9], [120.0, 100.0], [180.5, 190.2]]),
        np.array([[9.0, 11.0], [40.0, 44.0], [120.0, 130.0]]),
        np.array([0.2, -1.0, 3.0]),
    )
    return SceneFaces(boxes, np.ones(3, np.float32), np.array(weights, np.float32))


def _perfect(targets: Targets) -> np.ndarray:
    grid = cells(_SIZE, _SIZE)
    output = np.zeros((len(grid), CHANNELS), np.float32)
    positive = targets.weights > 0
    output[:, 0] = np.where(positive, 8.0, -20.0)
    output[:, 1:3] = (targets.boxes[:, :2] - grid[:, :2]) / grid[:, 2:]
    with np.errstate(divide="ignore"):
        output[:, 3:5] = np.where(
            positive[:, None], np.log(targets.boxes[:, 2:] / (UNIT_STRIDES * grid[:, 2:])), 0
        )
    output[:, 5], output[:, 6] = np.cos(targets.rolls), np.sin(targets.rolls)
    return output


def _batch(targets: Targets) -> TargetBatch:
    return TargetBatch(
        *(
            torch.from_numpy(getattr(targets, name))[None]
            for name in ("weights", "boxes", "rolls", "roll_weights")
        )
    )


def test_targets_decode_to_the_faces() -> None:
    faces = _faces()
    found, _ = decoded(_perfect(make_targets(faces, _SIZE)), _SIZE, _SIZE, threshold=0.5)
    order = np.argsort(found.centers[:, 0])
    np.testing.assert_allclose(found.centers[order], faces.boxes.centers, atol=0.01)
    np.testing.assert_allclose(found.sides[order], faces.boxes.sides, rtol=1e-5)
    np.testing.assert_allclose(found.rolls[order], faces.boxes.rolls, atol=1e-5)


@pytest.mark.parametrize("root", [5.0, 8, 12, 20, 34, 36, 50, 61, 80, 120, 200, 260])
def test_a_face_of_any_size_has_a_cell_to_answer_for_it(root: float) -> None:
    generator = np.random.default_rng(0)
    for center in generator.uniform(1, 255, (20, 2)):
        boxes = OrientedBoxes(center[None], np.full((1, 2), root), np.zeros(1))
        one = np.ones(1, np.float32)
        targets = make_targets(SceneFaces(boxes, one, one), _SIZE)
        assert (targets.weights > 0).any()
        distance = np.abs(cells(_SIZE, _SIZE)[targets.weights > 0, :2] - center).max(axis=1)
        assert (distance <= np.maximum(root / 2, 32)).all()


def test_doubtful_faces_are_neither_learned_nor_denied() -> None:
    targets = make_targets(_faces((1, 0, 1)), _SIZE)
    grid = cells(_SIZE, _SIZE)
    on_second = np.abs(grid[:, :2] - [120, 100]).max(axis=1) < 20
    assert (targets.weights[on_second] == -1).all()
    assert (make_targets(SceneFaces.none(), _SIZE).weights == 0).all()


def test_a_perfect_answer_costs_hardly_anything_and_a_wrong_one_does() -> None:
    targets = make_targets(_faces(), _SIZE)
    grid = torch.from_numpy(cells(_SIZE, _SIZE)).float()
    perfect = torch.from_numpy(_perfect(targets))[None]
    losses = scout_losses(perfect, grid, _batch(targets))
    assert losses["box"] < 1e-3
    assert losses["roll"] < 1e-5
    assert losses["score"] < 0.05
    for channel, name in ((0, "score"), (1, "box"), (4, "box"), (6, "roll")):
        wrong = perfect.clone()
        wrong[..., channel] += 1.0 if channel else -6.0
        assert scout_losses(wrong, grid, _batch(targets))[name] > losses[name] + 0.1


def test_the_frame_of_the_level_head_is_what_counts() -> None:
    """Faces, cells' answers and all turned by a quarter: the same losses."""
    targets = make_targets(_faces(), _SIZE)
    grid = torch.from_numpy(cells(_SIZE, _SIZE)).float()
    said = torch.from_numpy(_perfect(targets))[None]
    torch.manual_seed(0)
    shift = 0.3 * torch.randn(said[..., 1:3].shape)
    off = said.clone()
    off[..., 1:3] += shift
    turned_boxes = targets.boxes.copy()
    turned = Targets(
        targets.weights, turned_boxes, targets.rolls + np.float32(np.pi / 2), targets.roll_weights
    )
    turned_off = said.clone()
    turned_off[..., 1] -= shift[..., 1]
    turned_off[..., 2] += shift[..., 0]
    turned_off[..., 5] = -torch.from_numpy(np.sin(targets.rolls))
    turned_off[..., 6] = torch.from_numpy(np.cos(targets.rolls))
    first, second = scout_losses(off, grid, _batch(targets)), scout_losses(turned_off, grid, _batch(turned))
    for name in first:
        assert float(first[name]) == pytest.approx(float(second[name]), abs=1e-4)
