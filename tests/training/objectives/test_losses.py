import math

import pytest
import torch

from face_alignment_3d.training.objectives import losses
from tests.training.small_cascade import GEOMETRY

SIZE = GEOMETRY.input_size
CELLS = GEOMETRY.heatmap_size[0]
STRIDE = GEOMETRY.heatmap_stride


def _points(batch=2, count=3, seed=0):
    """(batch, count, 2) well inside the crop."""
    generator = torch.Generator().manual_seed(seed)
    return 14 + 36 * torch.rand(batch, count, 2, generator=generator)


def _discs(points):
    """(B, N, h, w): 1 where a cell's center lies within the detection radius of the point."""
    discs = torch.zeros(*points.shape[:2], CELLS, CELLS)
    for b, face in enumerate(points.tolist()):
        for n, (x, y) in enumerate(face):
            for row in range(CELLS):
                for column in range(CELLS):
                    to_x, to_y = (column + 0.5) * STRIDE - 0.5 - x, (row + 0.5) * STRIDE - 0.5 - y
                    discs[b, n, row, column] = math.hypot(to_x, to_y) <= GEOMETRY.detection_radius
    return discs


def _gaussian_distribution(points, std):
    cells = (torch.arange(CELLS) + 0.5) * STRIDE - 0.5
    squared = (cells - points[..., :1])[..., None, :] ** 2 + (cells - points[..., 1:])[..., :, None] ** 2
    maps = torch.exp(-0.5 * squared / std**2)
    return maps / maps.sum(dim=(-2, -1), keepdim=True)


def test_detection_loss_against_loops():
    points = _points()
    logits = torch.randn(2, 3, CELLS, CELLS, generator=torch.Generator().manual_seed(1))
    weight = torch.tensor([[1.0, 0.5, 0.0], [0.3, 1.0, 1.0]])
    discs, total = _discs(points), 0.0
    disc_cells = math.pi * (GEOMETRY.detection_radius / STRIDE) ** 2
    for b in range(2):
        for n in range(3):
            chance = torch.sigmoid(logits[b, n].double())
            cell = torch.where(discs[b, n] > 0, -chance.log(), -(1 - chance).log())
            total += weight[b, n].item() * cell.sum().item() / disc_cells
    found = losses.detection_loss(logits, points, weight, GEOMETRY)
    assert found.item() == pytest.approx(total / 6, rel=1e-5)


def test_detection_loss_is_least_for_the_discs():
    points, weight = _points(), torch.ones(2, 3)
    truth = 40 * _discs(points) - 20
    at_truth = losses.detection_loss(truth, points, weight, GEOMETRY)
    assert 0 <= at_truth < 1e-5
    assert losses.detection_loss(-truth, points, weight, GEOMETRY) > 100
    assert losses.detection_loss(truth, points + 8, weight, GEOMETRY) > 1


def test_shape_loss_is_zero_for_the_gaussian_and_at_most_log_2():
    points, weight = _points(), torch.ones(2, 3)
    gaussian = _gaussian_distribution(points, GEOMETRY.regression_std)
    assert abs(losses.shape_loss(gaussian, points, weight, GEOMETRY).item()) < 1e-6
    uniform = torch.full_like(gaussian, 1 / CELLS**2)
    corner = torch.zeros_like(gaussian)
    corner[..., 0, 0] = 1
    values = [losses.shape_loss(maps, points, weight, GEOMETRY).item() for maps in (uniform, corner)]
    assert 0.1 < values[0] < values[1] <= math.log(2) + 1e-5
    assert values[1] > 0.99 * math.log(2)


def test_shape_loss_against_a_divergence_in_loops():
    points = _points(1, 2)
    maps = torch.rand(1, 2, CELLS, CELLS, generator=torch.Generator().manual_seed(2))
    maps = maps / maps.sum(dim=(-2, -1), keepdim=True)
    target = _gaussian_distribution(points.double(), GEOMETRY.regression_std)
    expected = 0.0
    for n in range(2):
        for p, q in zip(maps[0, n].flatten().tolist(), target[0, n].flatten().tolist(), strict=True):
            middle = (p + q) / 2
            expected += 0.5 * (p * math.log(p / middle) + (q * math.log(q / middle) if q > 0 else 0))
    found = losses.shape_loss(maps, points, torch.ones(1, 2), GEOMETRY)
    assert found.item() == pytest.approx(expected / 2, rel=1e-4)


def test_shape_loss_prefers_one_peak_to_two_with_the_same_mean():
    """The coordinates alone would not tell these apart."""
    points = torch.tensor([[[31.5, 31.5]]])
    one = _gaussian_distribution(points, 6.0)
    two = 0.5 * sum(_gaussian_distribution(points + torch.tensor([dx, 0.0]), 4.0) for dx in (-14.0, 14.0))
    weight = torch.ones(1, 1)
    values = [losses.shape_loss(maps, points, weight, GEOMETRY).item() for maps in (one, two)]
    assert values[0] < 0.3 * values[1]


def test_distance_loss_by_hand():
    difference = torch.tensor([[[0.0, 0.0], [4.0, -8.0], [0.2, 0.0]]])
    found = losses.distance_loss(difference, torch.ones(1, 3), unit=4.0)
    # In units: (1 - 0.05) + (2 - 0.05), and 0.05 ** 2 / 0.2 below the bend at 0.1.
    assert found.item() == pytest.approx((0.95 + 1.95 + 0.0125) / 3)
    flat = losses.distance_loss(difference[..., 0], torch.ones(1, 3), unit=4.0)
    assert flat.item() == pytest.approx((0.95 + 0.0125) / 3)


def test_distance_loss_is_zero_at_the_truth_only():
    weight = torch.ones(2, 3)
    assert losses.distance_loss(torch.zeros(2, 3, 2), weight, unit=4.0) == 0
    assert losses.distance_loss(torch.full((2, 3, 2), 0.01), weight, unit=4.0) > 0


@pytest.mark.parametrize("loss", ["detection", "shape", "coordinates"])
def test_descent_moves_a_map_to_its_point(loss):
    """From a map around the wrong place, following the gradient brings its mean to the truth."""
    truth, start = torch.tensor([[[40.0, 30.0]]]), torch.tensor([[[28.0, 38.0]]])
    weight = torch.ones(1, 1)
    logits = _gaussian_distribution(start, 8.0).clamp_min(1e-6).log().requires_grad_(True)
    cells = (torch.arange(CELLS) + 0.5) * STRIDE - 0.5

    def mean_position(maps):
        maps = maps / maps.sum(dim=(-2, -1), keepdim=True)
        return torch.stack([(maps.sum(dim=-2) * cells).sum(-1), (maps.sum(dim=-1) * cells).sum(-1)], dim=-1)

    def read(maps):
        if loss == "detection":
            return torch.sigmoid(maps)
        return maps.flatten(2).softmax(dim=-1).view_as(maps)

    optimizer = torch.optim.Adam([logits], lr=0.2)
    distances = []
    for _ in range(60):
        maps = read(logits)
        position = mean_position(maps)
        distances.append((position - truth).norm().item())
        if loss == "detection":
            value = losses.detection_loss(logits, truth, weight, GEOMETRY)
        elif loss == "shape":
            value = losses.shape_loss(maps, truth, weight, GEOMETRY)
        else:
            value = losses.distance_loss(position - truth, weight, unit=float(STRIDE))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert distances[0] > 10
    assert distances[1] < distances[0]
    assert distances[-1] < 1.5


@pytest.mark.parametrize("loss", ["detection", "shape", "distance"])
def test_a_weight_of_zero_takes_a_point_out(loss):
    points = _points()
    points[0, 1] = torch.tensor([1e4, -3e3])
    inputs = torch.randn(2, 3, CELLS, CELLS, generator=torch.Generator().manual_seed(3))
    weight = torch.ones(2, 3)
    weight[0, 1] = 0

    def value_and_gradient(points, change):
        logits = inputs.clone()
        logits[0, 1] += change
        logits.requires_grad_(True)
        maps = logits.flatten(2).softmax(dim=-1).view_as(logits)
        if loss == "detection":
            value = losses.detection_loss(logits, points, weight, GEOMETRY)
        elif loss == "shape":
            value = losses.shape_loss(maps, points, weight, GEOMETRY)
        else:
            value = losses.distance_loss(logits[..., 0, :2] - points, weight, unit=4.0)
        value.backward()
        return value.item(), logits.grad

    value, gradient = value_and_gradient(points, 0.0)
    other_points = points.clone()
    other_points[0, 1] = 20
    other_value, other_gradient = value_and_gradient(other_points, 5.0)
    assert math.isfinite(value)
    assert gradient.isfinite().all()
    assert value == other_value
    torch.testing.assert_close(gradient, other_gradient, rtol=0, atol=0)
    assert not gradient[0, 1].any()
    assert gradient[0, 0].any()


def test_a_smaller_weight_counts_for_less_and_leaves_the_others_alone():
    values, weight = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.5]])
    assert losses.weighted_mean(values, weight).item() == 1.0
    assert losses.weighted_mean(values, torch.tensor([[1.0, 0.0]])).item() == 0.5


def test_inside():
    points = torch.tensor([[[0.0, 0.0], [-4.0, 67.0], [-4.1, 20.0], [20.0, 67.1], [63.0, 63.0]]])
    assert losses.inside(points, size=64).tolist() == [[1, 1, 0, 0, 1]]
    assert losses.inside(points, size=64, margin=0.0).tolist() == [[1, 0, 0, 0, 1]]


def test_heatmap_loss_against_loops():
    points = _points()
    heatmaps = torch.randn(2, 3, CELLS, CELLS, generator=torch.Generator().manual_seed(2))
    weight = torch.tensor([[1.0, 0.5, 0.0], [0.3, 1.0, 1.0]])
    total, std = 0.0, GEOMETRY.regression_std
    for b, face in enumerate(points.tolist()):
        for n, (x, y) in enumerate(face):
            for row in range(CELLS):
                for column in range(CELLS):
                    to_x, to_y = (column + 0.5) * STRIDE - 0.5 - x, (row + 0.5) * STRIDE - 0.5 - y
                    gaussian = math.exp(-0.5 * (to_x**2 + to_y**2) / std**2)
                    total += weight[b, n].item() * (heatmaps[b, n, row, column].item() - gaussian) ** 2
    expected = total / (math.pi * (std / STRIDE) ** 2) / 6
    assert losses.heatmap_loss(heatmaps, points, weight, GEOMETRY).item() == pytest.approx(expected, rel=1e-4)


def test_empty_maps_cost_one_and_gaussians_nothing():
    points = torch.full((1, 2, 2), (SIZE - 1) / 2)
    empty = torch.zeros(1, 2, CELLS, CELLS)
    cells = (torch.arange(CELLS) + 0.5) * STRIDE - 0.5 - (SIZE - 1) / 2
    gaussian = torch.exp(-0.5 * (cells[:, None] ** 2 + cells**2) / GEOMETRY.regression_std**2).expand_as(
        empty
    )
    weight = torch.ones(1, 2)
    assert losses.heatmap_loss(empty, points, weight, GEOMETRY).item() == pytest.approx(1, rel=0.02)
    assert losses.heatmap_loss(gaussian, points, weight, GEOMETRY).item() == pytest.approx(0, abs=1e-9)


def test_squared_distance_is_the_mean_squared_error_by_weight():
    difference = torch.tensor([[3.0, -1.0], [2.0, 100.0]])
    weight = torch.tensor([[1.0, 1.0], [0.5, 0.0]])
    assert losses.squared_distance_loss(difference, weight).item() == pytest.approx((9 + 1 + 2) / 4)
