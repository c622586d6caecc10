"""The losses of the compact presets, whose three parts learn together."""

from collections.abc import Collection
from dataclasses import dataclass

import torch

from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.engine.batches import Batch
from face_alignment_3d.training.engine.objective import RandomValues
from face_alignment_3d.training.labels.random_pose_labels import RandomPoseLabels
from face_alignment_3d.training.objectives import losses

_PRIOR_BATCH = 256
_POINT_NOISE = 1.5
"""Crop pixels of noise on true points, where the Z network sees those instead of the cascade's own."""


@dataclass(frozen=True, eq=False)
class JointObjective:
    """Detection, both losses of the regression, z, and the shape prior inside the Z network."""

    parts: Collection[str]
    """The parts that learn, of ``"detection"``, ``"regression"`` and ``"depth"``; the others have no loss."""
    random_pose_labels: RandomPoseLabels
    """The labels from which the shape prior learns, beside the photos."""
    true_points_share: float
    """The share of the samples in which the Z network sees true points, with noise."""
    prior_batch: int = _PRIOR_BATCH
    """The number of random poses in a step."""

    def sample(self, batch_size: int, generator: torch.Generator) -> RandomValues:
        """Draws the samples in which the Z network sees true points, their noise, and poses for the prior."""
        noise = torch.randn((batch_size, NUM_LANDMARKS, 2), generator=generator) * _POINT_NOISE
        sees_truth = torch.rand(batch_size, generator=generator) < self.true_points_share
        prior_points, prior_z = self.random_pose_labels.sample(self.prior_batch, generator)
        return {"noise": noise, "sees_truth": sees_truth, "prior_points": prior_points, "prior_z": prior_z}

    def losses(self, cascade: Cascade, batch: Batch, random_values: RandomValues) -> dict[str, torch.Tensor]:
        """The losses of the parts of one batch, named as in :class:`LossWeights`."""
        geometry = cascade.geometry
        stride = float(geometry.heatmap_stride)
        truth, z = batch.points[..., :2], batch.points[..., 2]
        visible = batch.weight_xy * losses.inside(truth, size=geometry.input_size)
        image = cascade.normalize(batch.crops).contiguous(memory_format=torch.channels_last)
        landmarks_2d = cascade.predict_2d(image)
        terms: dict[str, torch.Tensor] = {}
        if "detection" in self.parts:
            terms["detection"] = losses.detection_loss(
                landmarks_2d.detection_logits, truth, visible, geometry
            )
        if "regression" in self.parts:
            terms["shape"] = losses.shape_loss(landmarks_2d.distribution, truth, visible, geometry)
            terms["coordinates"] = losses.distance_loss(landmarks_2d.points - truth, visible, unit=stride)
        if "depth" in self.parts:
            use_truth = random_values["sees_truth"][:, None, None]
            seen = torch.where(
                use_truth, truth + random_values["noise"], landmarks_2d.points.detach().float()
            )
            depth = cascade.regress_depth(image, seen).float()
            terms["depth"] = losses.distance_loss(depth - z, batch.weight_z, unit=stride)
            if "visibility" in self.parts:
                logits = cascade.visibility_logits(landmarks_2d, depth.detach())
                within = losses.inside(truth, size=geometry.input_size)
                terms["visibility"] = losses.visibility_loss(
                    logits, batch.visible, batch.weight_visible * within
                )
            prior_z = random_values["prior_z"]
            prior, _, spread = cascade.depth.get_submodule("prior")(random_values["prior_points"])
            prior_difference = (prior.float() * spread - prior_z) / spread
            terms["prior"] = losses.distance_loss(prior_difference, torch.ones_like(prior_z), unit=0.2)
        return terms
