"""Heatmaps and points: an inverse pair, sub-pixel in both directions.

Convention: ``points_heatmap`` are (B, N, 2) x, y in heatmap cells, (0, 0) the center of the top-left cell;
heatmaps are (B, N, height, width).
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import torch

_LARGEST_RADIUS: Final = 1000


def render_gaussians(points_heatmap: torch.Tensor, *, size: tuple[int, int], std: float) -> torch.Tensor:
    """Draws a Gaussian of peak 1 and ``std`` cells at each point: (B, N, 2) -> (B, N, height, width).

    The Gaussian is evaluated at the true, fractional position; a point outside the map leaves its tail in it.
    Raises ValueError for a ``std`` that is not above 0.
    """
    if not 1e-9 < std < 1e9:
        raise ValueError(f"std must be above 0 cells, and no more than a map has; got {std}")
    height, width = size
    steps = torch.arange(max(size), dtype=points_heatmap.dtype, device=points_heatmap.device)
    gauss = torch.exp(-0.5 / std**2 * (steps - points_heatmap[..., None]) ** 2)
    return gauss[..., 1, :height, None] * gauss[..., 0, None, :width]


def render_disks(points_heatmap: torch.Tensor, *, size: tuple[int, int], radius: float) -> torch.Tensor:
    """Binary maps: 1 in cells whose center is within ``radius`` of the point (paper, section 3.1), else 0."""
    height, width = size
    steps = torch.arange(max(size), dtype=points_heatmap.dtype, device=points_heatmap.device)
    squares = (steps - points_heatmap[..., None]) ** 2
    left = radius**2 - squares[..., 1, :height, None]
    return (squares[..., 0, None, :width] <= left).to(points_heatmap.dtype)


def normalize(heatmaps: torch.Tensor) -> torch.Tensor:
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
    """Zeroes what is negative or further than ``radius`` cells from each map's peak, and normalizes to sum 1.

    For maps that were regressed freely (preset ``paper``), whose far noise would pull the mean. The window is
    centered twice: on the highest cell, then on the mean around it, so that it cuts the peak evenly.
    """
    height, width = heatmaps.shape[-2:]
    positive = heatmaps.clamp_min(0)
    highest = positive.flatten(-2).argmax(dim=-1)
    center = torch.stack([highest % width, highest // width], dim=-1).to(heatmaps.dtype)
    for _ in range(3):
        window = render_disks(center, size=(height, width), radius=radius)
        distribution = normalize(positive * window)
        center = expectation(distribution)
    return distribution


class Window(NamedTuple):
    """The k x k cells around each point, by address, so that only these are read."""

    address: torch.Tensor
    """(B, N, k * k) int64: the cells' indices in maps flattened to (B, N, height * width)."""
    offsets_x: torch.Tensor
    """(B, N, 1, k): cell minus point; infinite for cells beyond the map, whose addresses belong to other
    cells."""
    offsets_y: torch.Tensor
    """(B, N, k, 1)"""
    radius: float
    """All cells within this distance of the point are in the window."""

    def cells(self, maps: torch.Tensor) -> torch.Tensor:
        """The values of the cells in maps (B, N, height, width): (B, N, k, k)."""
        side = self.offsets_x.shape[-1]
        values = maps.flatten(-2).gather(-1, self.address)
        return values.view(*values.shape[:-1], side, side)


def window(points_heatmap: torch.Tensor, *, size: tuple[int, int], radius: float) -> Window:
    """The windows around points (B, N, 2) that contain all cells within ``radius``, at least 1.

    ``size`` is (height, width) of the maps. Raises ValueError for a smaller radius, with which the four cells
    around a point may not be among them, and for one above 1,000, with which there would be millions.
    """
    if not 1 <= radius <= _LARGEST_RADIUS:
        raise ValueError(f"radius must be from 1 to {_LARGEST_RADIUS} cells; got {radius}")
    height, width = size
    steps = torch.arange(int(2 * radius) + 1, dtype=points_heatmap.dtype, device=points_heatmap.device)
    cells = torch.ceil(points_heatmap - radius)[..., None] + steps
    if height == width:
        inside = cells.clamp(0, width - 1)
    else:
        inside = torch.stack(
            [cells[..., 0, :].clamp(0, width - 1), cells[..., 1, :].clamp(0, height - 1)], -2
        )
    offsets = torch.where(cells == inside, cells - points_heatmap[..., None], math.inf)
    address = (inside[..., 1, :, None] * width + inside[..., 0, None, :]).flatten(-2)
    # Once more as integers: a point that is not a number must not become an address.
    address = address.long().clamp(0, height * width - 1)
    return Window(address, offsets[..., 0, None, :], offsets[..., 1, :, None], radius)


def mass_near(distribution: torch.Tensor, around: Window) -> torch.Tensor:
    """The share in [0, 1] of each map's mass within the window's radius of its point: (B, N).

    A sharp single peak gives nearly 1, a spread or double one less.
    """
    near = around.offsets_x**2 + around.offsets_y**2 <= around.radius**2
    return torch.where(near, around.cells(distribution), 0).sum(dim=(-2, -1))


def sample(
    heatmaps: torch.Tensor,
    around: Window,
    *,
    transform: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """The bilinear value of each map (B, N, height, width) at the point of its window: (B, N); 0 beyond it.

    With ``transform`` the value of the transformed map: of an elementwise function, that is computed for the
    cells of the window alone.
    """
    values = around.cells(heatmaps)
    if transform is not None:
        values = transform(values)
    weights = (1 - around.offsets_y.abs()).clamp_min(0) * (1 - around.offsets_x.abs()).clamp_min(0)
    return (values * weights).sum(dim=(-2, -1))
