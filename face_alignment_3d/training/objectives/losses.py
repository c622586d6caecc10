"""The losses of the cascade, one function for each."""

import torch
import torch.nn.functional as F

from face_alignment_3d import heatmap
from face_alignment_3d.crop import rescale
from face_alignment_3d.networks.cascade import CascadeGeometry

#: Logits beyond it cost no more: of 1 - sigmoid nothing would be left to take the logarithm of.
_MOST = 80.0


def detection_loss(
    logits: torch.Tensor, points: torch.Tensor, weight: torch.Tensor, geometry: CascadeGeometry
) -> torch.Tensor:
    """Pixel-wise sigmoid cross entropy against discs (paper, section 3.1), per disc cell.

    ``logits`` (B, N, h, w); ``points`` (B, N, 2) in crop pixels; ``weight`` (B, N).
    """
    stride = geometry.heatmap_stride
    radius = geometry.detection_radius / stride
    discs = heatmap.render_disks(rescale(points, 1 / stride), size=geometry.heatmap_size, radius=radius)
    logits = logits.float()
    # softplus(logits) - logits * discs; softplus itself has no vector instructions on CPUs.
    outside = torch.sigmoid(-logits.clamp_max(_MOST)).log()
    entropy = -(outside + logits * discs).sum(dim=(-2, -1))
    return weighted_mean(entropy / (torch.pi * radius**2), weight)


def shape_loss(
    distribution: torch.Tensor, points: torch.Tensor, weight: torch.Tensor, geometry: CascadeGeometry
) -> torch.Tensor:
    """Jensen-Shannon divergence between each map and a Gaussian at the landmark: keeps maps compact.

    ``distribution`` (B, N, h, w) sums to 1 a map; in [0, log 2].
    """
    stride = geometry.heatmap_stride
    gaussians = heatmap.render_gaussians(
        rescale(points, 1 / stride), size=geometry.heatmap_size, std=geometry.regression_std / stride
    )
    target = heatmap.normalize(gaussians)
    middle = (0.5 * (distribution + target)).clamp_min(1e-12).log()
    divergence = distribution * (distribution.clamp_min(1e-12).log() - middle)
    divergence = divergence + target * (target.clamp_min(1e-12).log() - middle)
    return weighted_mean(0.5 * divergence.sum(dim=(-2, -1)), weight)


def heatmap_loss(
    heatmaps: torch.Tensor, points: torch.Tensor, weight: torch.Tensor, geometry: CascadeGeometry
) -> torch.Tensor:
    """Pixel-wise squared difference from Gaussians of peak 1 (paper, section 3.1).

    Over the sum of a Gaussian's squares, so that empty maps cost 1. ``heatmaps`` (B, N, h, w); ``points``
    (B, N, 2) in crop pixels; ``weight`` (B, N).
    """
    stride = geometry.heatmap_stride
    std = geometry.regression_std / stride
    gaussians = heatmap.render_gaussians(rescale(points, 1 / stride), size=geometry.heatmap_size, std=std)
    squares = (heatmaps - gaussians).square().sum(dim=(-2, -1))
    return weighted_mean(squares / (torch.pi * std**2), weight)


def squared_distance_loss(difference: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean squared error (paper, eq. 1) of differences (B, N) in pixels, in square pixels."""
    return weighted_mean(difference.square(), weight)


def distance_loss(difference: torch.Tensor, weight: torch.Tensor, *, unit: float) -> torch.Tensor:
    """Smooth L1 of differences (B, N, ...) in pixels over ``unit``; quadratic below a tenth of the unit."""
    scaled = difference / unit
    loss = F.smooth_l1_loss(scaled, torch.zeros_like(scaled), beta=0.1, reduction="none")
    return weighted_mean(loss.flatten(2).sum(dim=2) if loss.ndim > 2 else loss, weight)


def visibility_loss(logits: torch.Tensor, visible: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each landmark's visibility: all (B, N), ``visible`` in [0, 1]."""
    return weighted_mean(
        F.binary_cross_entropy_with_logits(logits.float(), visible, reduction="none"), weight
    )


def weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean over (B, N) of values times weights: a lower weight of one point does not raise the others'."""
    return (values * weight).mean()


def inside(points: torch.Tensor, *, size: int, margin: float = 4.0) -> torch.Tensor:
    """(B, N): 1 where a point (B, N, 2) lies on the crop or at most ``margin`` px beside it, else 0."""
    within = (points >= -margin) & (points <= size - 1 + margin)
    return within.all(dim=-1).to(points.dtype)
