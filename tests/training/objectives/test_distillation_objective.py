import dataclasses

import pytest
import torch
from torch import nn

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.engine.batches import Batch
from face_alignment_3d.training.objectives.distillation_objective import (
    DistillationObjective,
    distilled_batch,
)
from tests.training.small_cascade import seeded_cascade

B, SIDE = 2, 32


class _Teacher(nn.Module):
    """Says the same of every crop of 64 px; remembers what it saw."""

    def __init__(self, points):
        super().__init__()
        self.geometry = seeded_cascade(1).geometry
        self._points = points

    def forward(self, crops):
        self.seen = crops
        return self._points, torch.ones(B, 66), torch.full((B, 66), 0.25)


def batch(**changes):
    generator = torch.Generator().manual_seed(0)
    points = 32 * torch.rand(B, 66, 3, generator=generator)
    points[..., 2] -= points[..., 2].mean(dim=1, keepdim=True)
    ones = torch.ones(B, 66)
    crops = torch.full((B, 3, SIDE, SIDE), 7, dtype=torch.uint8)
    return dataclasses.replace(Batch(crops, points, ones, ones, ones, torch.zeros(B, 66)), **changes)


def teacher_of(points):
    """A teacher that means these points, in pixels of the pupil's crops."""
    doubled = 2 * points
    doubled[..., :2] += 0.5
    return _Teacher(doubled)


def test_the_teacher_sees_crops_of_its_own_size_and_speaks_in_its_own_pixels():
    given = batch()
    teacher = teacher_of(given.points.clone())
    distilled = distilled_batch(given, teacher, 1.0)
    assert teacher.seen.shape == (B, 3, 64, 64)
    assert (teacher.seen == 7).all()
    torch.testing.assert_close(distilled.points, given.points, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("weight", "share"), [(0.0, 0.0), (1.0, 0.5), (3.0, 0.75)])
def test_labels_move_by_the_teachers_share(weight, share):
    given = batch()
    moved = given.points + torch.tensor([1.0, -2.0, 0.0])
    distilled = distilled_batch(given, teacher_of(moved), weight)
    torch.testing.assert_close(
        distilled.points - given.points, share * (moved - given.points), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(distilled.weight_xy, torch.full((B, 66), max(1.0, weight)))


def test_visibility_that_nobody_knows_is_the_teachers():
    distilled = distilled_batch(batch(), teacher_of(batch().points), 1.0)
    torch.testing.assert_close(distilled.visible, torch.full((B, 66), 0.25))
    torch.testing.assert_close(distilled.weight_visible, torch.full((B, 66), 0.5))


def test_faces_without_weight_stay():
    given = batch(weight_xy=torch.tensor([[0.0], [1.0]]).expand(B, 66))
    distilled = distilled_batch(given, teacher_of(given.points + 4), 1.0)
    torch.testing.assert_close(distilled.points[0], given.points[0], atol=1e-5, rtol=0)
    assert distilled.weight_visible[0].max() == 0
    assert (distilled.points[1, :, 0] > given.points[1, :, 0] + 1).all()


def test_a_teacher_of_other_crops_is_refused():
    cascade, teacher = seeded_cascade(1), seeded_cascade(2)
    teacher.geometry = dataclasses.replace(teacher.geometry, crop_scale=1.2)
    objective = DistillationObjective(None, teacher, 1.0)
    with pytest.raises(DataError, match=r"teacher of crops 1\.35 times .* got one of 1\.2"):
        objective.losses(cascade, batch(), {})
