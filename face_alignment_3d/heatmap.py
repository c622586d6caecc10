"""Heatmaps and points: an inverse pair, sub-pixel in both directions.

Convention: ``points_heatmap`` are (B, N, 2) x, y in heatmap cells, (0, 0) the centre of the top-left cell;
heatmaps are (B, N, height, width).
"""

import math
from collections.abc import Callable

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
    first = torch.ceil(points_heatmap - radius)
    values, offsets_x, offsets_y = _window(distribution, points_heatmap, first, side=int(2 * radius) + 1)
    near = offsets_x**2 + offsets_y**2 <= radius**2
    return torch.where(near, values, 0).sum(dim=(-2, -1))


def sample(
    heatmaps: torch.Tensor,
    points_heatmap: torch.Tensor,
    *,
    transform: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """The bilinear value of each map (B, N, height, width) at its point (B, N, 2): (B, N); 0 beyond it.

    With ``transform`` the value of the transformed map: of an elementwise function, that is computed for the
    four cells around each point alone.
    """
    first = torch.floor(points_heatmap)
    values, offsets_x, offsets_y = _window(
        heatmaps, points_heatmap, first, side=2, transform=transform or (lambda cells: cells)
    )
    weights = (1 - offsets_y.abs()).clamp_min(0) * (1 - offsets_x.abs()).clamp_min(0)
    return (values * weights).sum(dim=(-2, -1))


def _window(
    maps: torch.Tensor,
    points_heatmap: torch.Tensor,
    first: torch.Tensor,
    *,
    side: int,
    transform: Callable[[torch.Tensor], torch.Tensor] = lambda cells: cells,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``side`` x ``side`` transformed cells of each map (B, N, height, width), from ``first`` (B, N, 2) on.

    Values (B, N, side, side), and the cells' offsets from the points in x (B, N, 1, side) and y (B, N, side,
    1): infinite for cells beyond the map, whose values are others'. Looking at these few cells is many times
    cheaper than masking all.
    """
    height, width = maps.shape[-2:]
    steps = torch.arange(side, dtype=first.dtype, device=first.device)
    columns = first[..., 0:1] + steps
    rows = first[..., 1:2] + steps
    inside_columns, inside_rows = columns.clamp(0, width - 1), rows.clamp(0, height - 1)
    index = inside_rows[..., :, None] * width + inside_columns[..., None, :]
    # Once more as integers: a point that is not a number must not become an address.
    address = index.flatten(-2).long().clamp(0, height * width - 1)
    cells = maps.flatten(-2).gather(-1, address).reshape(index.shape)
    offsets_x = torch.where(columns == inside_columns, columns - points_heatmap[..., 0:1], math.inf)
    offsets_y = torch.where(rows == inside_rows, rows - points_heatmap[..., 1:2], math.inf)
    return transform(cells), offsets_x[..., None, :], offsets_y[..., :, None]
