"""A teacher in the loop: a trained cascade sees each batch too, and labels are mixed with its points.

Costs a pass of the teacher for each view, so it is for a GPU; predictions that were made once for each photo
(:mod:`face_alignment_3d.training.labels.teacher_predictions`) are for a CPU.
"""

import dataclasses
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from face_alignment_3d.crop import rescale
from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.engine.batches import Batch
from face_alignment_3d.training.engine.objective import Objective, RandomValues
from face_alignment_3d.training.labels.distillation import VISIBILITY_SHARE


@dataclass(frozen=True, eq=False)
class DistillationObjective:
    """The losses of another objective, on labels that the teacher has moved."""

    objective: Objective
    teacher: Cascade
    """In eval mode, on the device of the batches; tells visibility."""
    weight: float
    """Of its points in the labels, where a careful hand has 1."""

    def sample(self, batch_size: int, generator: torch.Generator) -> RandomValues:
        """As the other objective."""
        return self.objective.sample(batch_size, generator)

    def losses(self, cascade: Cascade, batch: Batch, random_values: RandomValues) -> dict[str, torch.Tensor]:
        """As the other objective.

        Raises :class:`DataError` for a teacher that was trained on wider or closer crops.
        """
        if (wanted := cascade.geometry.crop_scale) != (found := self.teacher.geometry.crop_scale):
            raise DataError(
                f"expected a teacher of crops {wanted:g} times as wide as the face's box, as this run has; "
                f"got one of {found:g}: run `train-data predict-teacher` instead, which has its own crops"
            )
        return self.objective.losses(
            cascade, distilled_batch(batch, self.teacher, self.weight), random_values
        )


@torch.no_grad()
def distilled_batch(batch: Batch, teacher: Cascade, weight: float) -> Batch:
    """The batch with labels between its own and the teacher's, by their weights.

    Faces whose labels have no weight stay as they are.
    """
    side, own = batch.crops.shape[-1], teacher.geometry.input_size
    crops = F.interpolate(batch.crops.float(), size=(own, own), mode="bilinear", align_corners=False)
    points, _, visibility = (output.float() for output in teacher(crops))
    predicted = torch.cat([rescale(points[..., :2], side / own), points[..., 2:] * (side / own)], dim=-1)
    of_teacher = (batch.weight_xy.amax(dim=1, keepdim=True) > 0).float() * weight
    xy, weight_xy = _mixed(
        batch.points[..., :2], batch.weight_xy[..., None], predicted[..., :2], of_teacher[..., None]
    )
    z, weight_z = _mixed(batch.points[..., 2], batch.weight_z, predicted[..., 2], of_teacher)
    visible, weight_visible = _mixed(
        batch.visible, batch.weight_visible, visibility, of_teacher * VISIBILITY_SHARE
    )
    return dataclasses.replace(
        batch,
        points=torch.cat([xy, (z - z.mean(dim=1, keepdim=True))[..., None]], dim=-1),
        weight_xy=weight_xy[..., 0],
        weight_z=weight_z,
        visible=visible,
        weight_visible=weight_visible,
    )


def _mixed(
    label: torch.Tensor, weight: torch.Tensor, predicted: torch.Tensor, of_teacher: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    share = of_teacher / (weight + of_teacher).clamp_min(1e-6)
    return label + share * (predicted - label), torch.maximum(weight, of_teacher.expand_as(weight))
