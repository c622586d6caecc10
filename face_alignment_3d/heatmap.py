"""Heatmaps and points: an inverse pair, sub-pixel in both directions.

Convention: ``points_heatmap`` are (B, N, 2) x, y in heatmap cells, (0, 0) the centre of the top-left cell;
heatmaps are (B, N, height, width).
"""

import math

import torch


def render_gaussians(points_heatmap: torch.Tensor, *, size: tuple[int, int], std: float) -> torch.Tensor:
    """Draws a Gaussian of peak 1 and ``std`` cells at each point: (B, N, 2) -> (B, N, height, width).

    The Gaussian is evaluated at the true, fractional position; a point outside the map leaves its tail in it.
    """
    height, width = size
    xs = torch.arange(width, dtype=points_heatmap.dtype, device=points_heatmap.device)
    ys = torch.arange(height, dtype=points_heatmap.dtype, device=points_heatmap.device)
    exponent = -0.5 / std**2
    gauss_x = torch.exp(exponent * (xs - points_heatmap[..., 0:1]) ** 2)
    gauss_y = torch.exp(exponent * (ys - points_heatmap[..., 1:2]) ** 2)
    return gauss_y[..., :, None] * gauss_x[..., None, :]


def render_disks(points_heatmap: torch.Tensor, *, size: tuple[int, int], radius: float) -> torch.Tensor:
    """Binary maps: 1 in cells whose centre is within ``radius`` of the point (paper, section 3.1), else 0."""
    peak_one = render_gaussians(points_heatmap, size=size, std=1.0)
    return (peak_one >= math.exp(-0.5 * radius**2)).to(points_heatmap.dtype)


def normalise(heatmaps: torch.Tensor) -> torch.Tensor:
    """Scales non-negative maps (B, N, height, width) so that each sums to 1."""
    return heatmaps / heatmaps.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-12)


def expectation(distribution: torch.Tensor) -> torch.Tensor:
    """The mean position of each map that sums to 1: (B, N, height, width) -> (B, N, 2), differentiable.

    Of a softmax this is the soft-argmax.
    """
    height, width = distribution.shape[-2:]
    xs = torch.arange(width, dtype=distribution.dtype, device=distribution.device)
    ys = torch.arange(height, dtype=distribution.dtype, device=distribution.device)
    x = (distribution.sum(dim=-2) * xs).sum(dim=-1)
    y = (distribution.sum(dim=-1) * ys).sum(dim=-1)
    return torch.stack([x, y], dim=-1)


def keep_peak(heatmaps: torch.Tensor, *, radius: float) -> torch.Tensor:
    """Zeroes what is negative or further than ``radius`` cells from each map's peak, and normalises to sum 1.

    For maps that were regressed freely (preset ``paper``), whose far noise would pull the mean. The window is
    centred twice: on the highest cell, then on the mean around it, so that it cuts the peak evenly.
    """
    height, width = heatmaps.shape[-2:]
    positive = heatmaps.clamp_min(0)
    highest = positive.flatten(-2).argmax(dim=-1)
    center = torch.stack([highest % width, highest // width], dim=-1).to(heatmaps.dtype)
    for _ in range(3):
        window = render_disks(center, size=(height, width), radius=radius)
        distribution = normalise(positive * window)
        center = expectation(distribution)
    return distribution


def mass_near(distribution: torch.Tensor, points_heatmap: torch.Tensor, *, radius: float) -> torch.Tensor:
    """The share in [0, 1] of each map's mass within ``radius`` cells of its point: (B, N).

    A sharp single peak gives nearly 1, a spread or double one less.
    """
    height, width = distribution.shape[-2:]
    window = render_disks(points_heatmap, size=(height, width), radius=radius)
    return (distribution * window).sum(dim=(-2, -1))


def sample(heatmaps: torch.Tensor, points_heatmap: torch.Tensor) -> torch.Tensor:
    """The bilinear value of each map (B, N, height, width) at its point (B, N, 2): (B, N); 0 beyond it."""
    height, width = heatmaps.shape[-2:]
    xs = torch.arange(width, dtype=points_heatmap.dtype, device=points_heatmap.device)
    ys = torch.arange(height, dtype=points_heatmap.dtype, device=points_heatmap.device)
    tent_x = (1 - (xs - points_heatmap[..., 0:1]).abs()).clamp_min(0)
    tent_y = (1 - (ys - points_heatmap[..., 1:2]).abs()).clamp_min(0)
    return (heatmaps * tent_y[..., :, None] * tent_x[..., None, :]).sum(dim=(-2, -1))
