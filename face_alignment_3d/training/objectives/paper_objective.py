"""The losses of the paper's recipe; each stage chooses those that it learns from."""

from collections.abc import Collection
from dataclasses import dataclass

import torch

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.engine.batches import Batch
from face_alignment_3d.training.engine.objective import RandomValues
from face_alignment_3d.training.objectives import losses

_TRUE_POINTS_SHARE = 0.5
"""The share of the samples in which the Z network sees true landmarks; in the others, the cascade's own."""


@dataclass(frozen=True)
class PaperObjective:
    """The losses of those parts of the cascade that learn."""

    parts: Collection[str]
    """Of ``"detection"``, ``"regression"`` and ``"depth"``; all three at once is training end to end."""

    def sample(self, batch_size: int, generator: torch.Generator) -> RandomValues:
        """Draws the samples in which the Z network sees true landmarks."""
        if "depth" not in self.parts:
            return {}
        return {"sees_truth": torch.rand(batch_size, generator=generator) < _TRUE_POINTS_SHARE}

    def losses(self, cascade: Cascade, batch: Batch, random_values: RandomValues) -> dict[str, torch.Tensor]:
        """``detection``, ``regression`` and ``depth``, as far as they are among the parts."""
        geometry = cascade.geometry
        truth, z = batch.points[..., :2], batch.points[..., 2]
        visible = batch.weight_xy * losses.inside(truth, size=geometry.input_size)
        image = cascade.normalize(batch.crops).contiguous(memory_format=torch.channels_last)
        terms: dict[str, torch.Tensor] = {}
        if "depth" in self.parts:
            landmarks_2d = cascade.predict_2d(image)
            logits, heatmaps, points = (
                landmarks_2d.detection_logits,
                landmarks_2d.heatmaps,
                landmarks_2d.points,
            )
            seen = torch.where(random_values["sees_truth"][:, None, None], truth, points.float())
            # End to end the gradient of z goes back through the points; else no part before it learns.
            depth = cascade.regress_depth(image, seen).float()
            terms["depth"] = losses.squared_distance_loss(depth - z, batch.weight_z)
        else:
            logits, features = cascade.detection(image)
            if "regression" in self.parts:
                heatmaps = cascade.regression(logits, features)[0].float()
        if "detection" in self.parts:
            terms["detection"] = losses.detection_loss(logits, truth, visible, geometry)
        if "regression" in self.parts:
            terms["regression"] = losses.heatmap_loss(heatmaps, truth, visible, geometry)
        return terms
