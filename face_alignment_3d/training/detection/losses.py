"""The losses of the scout: of scores, boxes and rolls."""

from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional

from face_alignment_3d.detection.scout.layout import UNIT_STRIDES

#: A cell with a face should say at least this, and more the better its box is.
_LEAST_SCORE: Final = 0.5
#: Cells without a face weigh by this power of their score: most are easy, and many.
_FOCUS: Final = 2.0
_NEGATIVE: Final = 0.75


@dataclass(frozen=True, eq=False)
class TargetBatch:
    """The :class:`.targets.Targets` of B pictures."""

    weights: torch.Tensor
    """(B, N)"""
    boxes: torch.Tensor
    """(B, N, 4)"""
    rolls: torch.Tensor
    """(B, N)"""
    roll_weights: torch.Tensor
    """(B, N)"""


def scout_losses(output: torch.Tensor, cells: torch.Tensor, targets: TargetBatch) -> dict[str, torch.Tensor]:
    """``score``, ``box`` and ``roll`` of outputs (B, N, 7), for ``cells`` (N, 3) as of the layout.

    The score is learned as in Zhang et al., "VarifocalNet" (2021): the target of a cell with a face is the
    overlap of its box with the face. Boxes are compared in the frame of the level head, by overlap and by the
    logarithms of sides; rolls as unit vectors, by the square of their difference.
    """
    positive = targets.weights > 0
    total = targets.weights[positive].sum().clamp(min=1.0)
    said = output[positive]
    weight = targets.weights[positive]
    of_cell = cells.expand(len(output), -1, -1)[positive]
    box, roll = targets.boxes[positive], targets.rolls[positive]
    stride = of_cell[:, 2:]
    center = of_cell[:, :2] + said[:, 1:3] * stride
    sides = said[:, 3:5].clamp(-5, 5).exp() * (UNIT_STRIDES * stride)
    offset = center - box[:, :2]
    cosine, sine = roll.cos()[:, None], roll.sin()[:, None]
    level = torch.cat(
        [cosine * offset[:, :1] + sine * offset[:, 1:], cosine * offset[:, 1:] - sine * offset[:, :1]], dim=1
    )
    overlap = _overlap(level, sides, box[:, 2:])
    difference = (sides / box[:, 2:]).log().abs().sum(dim=1) + (level / box[:, 2:]).abs().sum(dim=1)
    # Not of the direction alone: that lets the vectors grow, until a wrong direction hardly changes any more.
    astray = (said[:, 5:7] - torch.stack([roll.cos(), roll.sin()], dim=1)).square().sum(dim=1)
    trust = weight * targets.roll_weights[positive]

    wanted = torch.zeros_like(targets.weights)
    quality = _LEAST_SCORE + (1 - _LEAST_SCORE) * overlap.detach()
    wanted[positive] = quality * weight.clamp(min=0.3)
    logits = output[..., 0]
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focus = _NEGATIVE * logits.detach().sigmoid() ** _FOCUS
    focus = torch.where(positive, torch.ones_like(focus), focus)
    focus = torch.where(targets.weights < 0, torch.zeros_like(focus), focus)
    return {
        "score": (cross_entropy * focus).sum() / total,
        "box": ((1 - overlap + 0.5 * difference) * weight).sum() / total,
        "roll": (astray * trust).sum() / total,
    }


def _overlap(offset: torch.Tensor, sides: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(P,): intersection over union of boxes (P, 2) with that ``offset`` (P, 2) between their centers."""
    low = torch.maximum(offset - sides / 2, -wanted / 2)
    high = torch.minimum(offset + sides / 2, wanted / 2)
    common = (high - low).clamp(min=0).prod(dim=1)
    return common / (sides.prod(dim=1) + wanted.prod(dim=1) - common).clamp(min=1e-6)
