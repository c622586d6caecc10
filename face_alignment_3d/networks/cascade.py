"""The cascade: part detection, part regression and Z regression, joined."""

from typing import NamedTuple

import torch
from torch import nn

from face_alignment_3d import heatmap
from face_alignment_3d.crop import rescale
from face_alignment_3d.networks.geometry import CascadeGeometry

__all__ = ["Cascade", "CascadeGeometry", "Landmarks2D"]

_RGB_MEAN = (0.485, 0.456, 0.406)
_RGB_STD = (0.229, 0.224, 0.225)


class Landmarks2D(NamedTuple):
    """The results of the first two parts of the cascade."""

    detection_logits: torch.Tensor
    """(B, N, h, w)"""
    heatmaps: torch.Tensor
    """(B, N, h, w), as the regression put them out."""
    distribution: torch.Tensor
    """(B, N, h, w): the heatmaps as non-negative maps of sum 1."""
    points: torch.Tensor
    """(B, N, 2): x, y in crop pixels."""
    features: torch.Tensor
    """(B, F, h, w): the features from which the heatmaps were computed."""


class Cascade(nn.Module):
    """Crops in, landmarks out. Normalization, heatmaps and decoding are inside."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        geometry: CascadeGeometry,
        detection: nn.Module,
        regression: nn.Module,
        depth: nn.Module,
        visibility: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.geometry = geometry
        self.detection = detection
        self.regression = regression
        self.depth = depth
        self.visibility = visibility
        self.register_buffer(
            "mean", 255 * torch.tensor(_RGB_MEAN, dtype=torch.float32).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer(
            "std", 255 * torch.tensor(_RGB_STD, dtype=torch.float32).view(1, 3, 1, 1), persistent=False
        )

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 3, S, S) RGB crops in [0, 255] -> points, confidence and, where predicted, visibility.

        Points are (B, N, 3) in crop pixels, confidence and visibility (B, N) in [0, 1]. Raises ValueError for
        crops of another shape; S is the geometry's ``input_size``.
        """
        side = self.geometry.input_size
        if crops.ndim != 4 or crops.shape[1:] != (3, side, side):
            raise ValueError(
                f"crops must have shape (B, 3, {side}, {side}), RGB in [0, 255]; got {tuple(crops.shape)}"
            )
        image = self.normalize(crops)
        landmarks_2d = self.predict_2d(image)
        z = self.regress_depth(image, landmarks_2d.points)
        points = torch.cat([landmarks_2d.points, z[..., None]], dim=-1)
        if self.visibility is None:
            return points, self.confidence(landmarks_2d)
        return points, self.confidence(landmarks_2d), torch.sigmoid(self.visibility_logits(landmarks_2d, z))

    def normalize(self, crops: torch.Tensor) -> torch.Tensor:
        """RGB in [0, 255] -> zero mean, unit variance over natural images."""
        image: torch.Tensor = (crops.to(self.mean.dtype) - self.mean) / self.std
        return image

    def predict_2d(self, image: torch.Tensor) -> Landmarks2D:
        """The two-stage 2D cascade on a normalized image (B, 3, S, S)."""
        geometry = self.geometry
        detection_logits, features = self.detection(image)
        heatmaps, refined = self.regression(detection_logits, features)
        heatmaps = heatmaps.float()
        if geometry.decoding == "softmax":
            distribution = heatmaps.flatten(-2).softmax(dim=-1).view_as(heatmaps)
        else:
            radius = 3 * geometry.regression_std / geometry.heatmap_stride
            distribution = heatmap.keep_peak(heatmaps, radius=radius)
        points = rescale(heatmap.expectation(distribution), geometry.heatmap_stride)
        return Landmarks2D(detection_logits, heatmaps, distribution, points, refined)

    def regress_depth(self, image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """The z (B, N), in crop pixels, zero mean, of points (B, N, 2) on a normalized image (B, 3, S, S)."""
        geometry = self.geometry
        gaussians = heatmap.render_gaussians(
            rescale(points, 1 / geometry.depth_stride),
            size=geometry.depth_size,
            std=geometry.depth_std / geometry.depth_stride,
        )
        z: torch.Tensor = self.depth(image, gaussians.to(image.dtype), points)
        return z - z.mean(dim=1, keepdim=True)

    def visibility_logits(self, landmarks_2d: Landmarks2D, z: torch.Tensor) -> torch.Tensor:
        """(B, N) of a cascade that has that part, for ``z`` (B, N) in crop pixels.

        No gradient goes back to the points: learning visibility does not move them.
        """
        if self.visibility is None:
            raise ValueError("this cascade has no part that tells which landmarks can be seen")
        points = torch.cat([landmarks_2d.points, z[..., None].to(landmarks_2d.points.dtype)], dim=-1).detach()
        logits: torch.Tensor = self.visibility(
            landmarks_2d.features, landmarks_2d.distribution.detach(), points
        )
        return logits.float()

    def confidence(self, landmarks_2d: Landmarks2D) -> torch.Tensor:
        """(B, N) in [0, 1]: the agreement of both stages on each point.

        The detection's probability at the point that the regression chose, times the share of the
        regression's own map within two standard deviations of it.
        """
        geometry = self.geometry
        points_heatmap = rescale(landmarks_2d.points, 1 / geometry.heatmap_stride)
        radius = 2 * geometry.regression_std / geometry.heatmap_stride
        around = heatmap.window(points_heatmap, size=geometry.heatmap_size, radius=radius)
        share = heatmap.mass_near(landmarks_2d.distribution, around)
        detected = heatmap.sample(landmarks_2d.detection_logits.float(), around, transform=torch.sigmoid)
        return (share * detected).clamp(0, 1)
