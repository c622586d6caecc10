import pytest
import torch

from face_alignment_3d import heatmap

# Height = width of the maps and std in cells, as in the presets.
LITE, BASE, PAPER = (32, 1.25), (64, 1.5), (384, 6.0)


def _points(count, size, margin, seed=0):
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(1, count, 2, generator=generator, dtype=torch.float64)
    return margin + unit * (size - 1 - 2 * margin)


@pytest.mark.parametrize(("size", "std"), [LITE, BASE, PAPER])
def test_expectation_inverts_render_in_the_interior(size, std):
    points = _points(30, size, margin=5 * std)
    maps = heatmap.render_gaussians(points, size=(size, size), std=std)
    decoded = heatmap.expectation(heatmap.normalize(maps))
    torch.testing.assert_close(decoded, points, atol=0.01, rtol=0)


@pytest.mark.parametrize(("size", "std"), [(64, 2.0), PAPER])
def test_keep_peak_inverts_render_in_the_interior(size, std):
    points = _points(30, size, margin=5 * std)
    maps = heatmap.render_gaussians(points, size=(size, size), std=std)
    decoded = heatmap.expectation(heatmap.keep_peak(maps, radius=3 * std))
    torch.testing.assert_close(decoded, points, atol=0.01, rtol=0)


def test_render_evaluates_the_gaussian_at_the_fractional_position():
    points = torch.tensor([[[2.25, 1.5]]], dtype=torch.float64)
    maps = heatmap.render_gaussians(points, size=(4, 6), std=1.3)
    assert maps.shape == (1, 1, 4, 6)
    ys, xs = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    expected = torch.exp(-((xs - 2.25) ** 2 + (ys - 1.5) ** 2) / (2 * 1.3**2)).double()
    torch.testing.assert_close(maps[0, 0], expected, atol=1e-6, rtol=0)


def test_render_peaks_at_one_on_a_cell():
    maps = heatmap.render_gaussians(torch.tensor([[[3.0, 5.0]]]), size=(8, 8), std=2.0)
    assert maps.max() == 1.0
    assert maps[0, 0, 5, 3] == 1.0


def test_a_point_outside_leaves_its_tail():
    maps = heatmap.render_gaussians(torch.tensor([[[-2.0, 4.0]]]), size=(8, 8), std=2.0)
    assert maps[0, 0].argmax() == 4 * 8
    assert 0 < maps.max() < 1


def test_render_is_shift_equivariant():
    points = _points(5, 20, margin=3)
    maps = heatmap.render_gaussians(points, size=(24, 24), std=1.7)
    shifted = heatmap.render_gaussians(points + torch.tensor([2.0, 3.0]), size=(24, 24), std=1.7)
    torch.testing.assert_close(shifted[..., 3:, 2:], maps[..., :-3, :-2])


def test_decoding_is_shift_equivariant():
    generator = torch.Generator().manual_seed(1)
    patch = torch.rand(1, 4, 9, 9, generator=generator, dtype=torch.float64)
    maps = torch.zeros(1, 4, 40, 40, dtype=torch.float64)
    maps[..., 10:19, 12:21] = patch
    moved = maps.roll((7, 5), dims=(-2, -1))
    shift = torch.tensor([5.0, 7.0], dtype=torch.float64)
    for decode in (heatmap.normalize, lambda m: heatmap.keep_peak(m, radius=4.0)):
        before, after = heatmap.expectation(decode(maps)), heatmap.expectation(decode(moved))
        torch.testing.assert_close(after, before + shift)


@pytest.mark.parametrize(("size", "std"), [BASE, PAPER])
def test_far_noise_does_not_move_keep_peak(size, std):
    points = _points(20, size, margin=5 * std)
    maps = heatmap.render_gaussians(points, size=(size, size), std=std)
    generator = torch.Generator().manual_seed(2)
    noise = torch.rand(maps.shape, generator=generator, dtype=maps.dtype) - 0.3
    near = heatmap.render_disks(points, size=(size, size), radius=5 * std)
    noisy = maps + (1 - near) * 0.5 * noise
    clean_decoded = heatmap.expectation(heatmap.keep_peak(maps, radius=3 * std))
    noisy_decoded = heatmap.expectation(heatmap.keep_peak(noisy, radius=3 * std))
    torch.testing.assert_close(noisy_decoded, clean_decoded)
    plain = heatmap.expectation(heatmap.normalize(noisy.clamp_min(0)))
    assert (plain - points).abs().max() > 1  # the noise is strong enough to matter


def test_keep_peak_sums_to_one_and_drops_what_is_far_or_negative():
    maps = torch.full((1, 1, 20, 20), -0.5)
    maps[0, 0, 5, 6] = 1.0
    maps[0, 0, 15, 15] = 0.9
    kept = heatmap.keep_peak(maps, radius=3.0)
    assert kept.sum() == pytest.approx(1)
    assert kept[0, 0, 5, 6] == 1
    assert kept.count_nonzero() == 1


def test_keep_peak_of_an_empty_map_is_finite():
    kept = heatmap.keep_peak(torch.zeros(1, 2, 8, 8), radius=3.0)
    assert torch.isfinite(heatmap.expectation(kept)).all()


@pytest.mark.parametrize("radius", [1.0, 2.0, 7.0])
def test_disks_have_the_cells_within_the_radius(radius):
    points = torch.tensor([[[10.3, 8.6], [0.2, 15.9], [4.0, 4.0]]], dtype=torch.float64)
    disks = heatmap.render_disks(points, size=(18, 20), radius=radius)
    ys, xs = torch.meshgrid(
        torch.arange(18, dtype=torch.float64), torch.arange(20, dtype=torch.float64), indexing="ij"
    )
    for disk, (x, y) in zip(disks[0], points[0], strict=True):
        distance = torch.hypot(xs - x, ys - y)
        # Cells exactly on the circle may go either way by rounding.
        decided = (distance - radius).abs() > 1e-9
        torch.testing.assert_close(disk[decided], (distance <= radius).double()[decided])


def test_disks_of_float32_keep_the_cells_on_the_circle():
    disk = heatmap.render_disks(torch.tensor([[[8.0, 8.0]]]), size=(17, 17), radius=7.0)
    assert disk[0, 0, 8, 0] == 0
    assert disk[0, 0, 8, 1] == disk[0, 0, 1, 8] == disk[0, 0, 8, 15] == disk[0, 0, 15, 8] == 1
    assert disk.sum() == sum(x * x + y * y <= 49 for x in range(-8, 9) for y in range(-8, 9))


def test_normalize_sums_to_one():
    maps = torch.rand(2, 3, 7, 9)
    torch.testing.assert_close(heatmap.normalize(maps).sum(dim=(-2, -1)), torch.ones(2, 3))


def test_expectation_of_one_cell_is_that_cell():
    maps = torch.zeros(1, 1, 6, 9)
    maps[0, 0, 4, 7] = 1
    assert heatmap.expectation(maps).tolist() == [[[7.0, 4.0]]]


def _mass_near(maps, points, *, radius):
    around = heatmap.window(points, size=maps.shape[-2:], radius=radius)
    return heatmap.mass_near(maps, around)


def _sample(maps, points, *, transform=None, radius=1.0):
    around = heatmap.window(points, size=maps.shape[-2:], radius=radius)
    return heatmap.sample(maps, around, transform=transform)


def test_mass_near_tells_sharp_from_spread_from_double():
    point = torch.tensor([[[32.0, 32.0]]])
    size = (64, 64)
    sharp = heatmap.normalize(heatmap.render_gaussians(point, size=size, std=1.5))
    spread = heatmap.normalize(heatmap.render_gaussians(point, size=size, std=6.0))
    left, right = point - torch.tensor([12.0, 0.0]), point + torch.tensor([12.0, 0.0])
    both = [heatmap.render_gaussians(p, size=size, std=1.5) for p in (left, right)]
    double = heatmap.normalize(both[0] + both[1])
    masses = [
        _mass_near(maps, heatmap.expectation(maps), radius=3.0).item() for maps in (sharp, spread, double)
    ]
    # A Gaussian has 1 - exp(-r^2 / 2 std^2) of its mass within r.
    assert masses[0] == pytest.approx(1 - 0.1353, abs=0.03)
    assert masses[1] == pytest.approx(1 - 0.8825, abs=0.02)
    assert masses[2] == pytest.approx(0, abs=1e-3)


def test_mass_near_is_a_share():
    generator = torch.Generator().manual_seed(3)
    maps = heatmap.normalize(torch.rand(4, 66, 32, 32, generator=generator) ** 8)
    points = 40 * torch.rand(4, 66, 2, generator=generator) - 4
    for radius in (1.0, 3.0, 100.0):
        mass = _mass_near(maps, points, radius=radius)
        assert mass.shape == (4, 66)
        assert (mass >= 0).all()
        assert (mass <= 1 + 1e-5).all()


def test_gradients_of_render_and_expectation():
    points = _points(2, 7, margin=1).requires_grad_()

    def render(p):
        return heatmap.render_gaussians(p, size=(7, 6), std=1.4)

    assert torch.autograd.gradcheck(render, (points,))
    assert torch.autograd.gradcheck(lambda p: heatmap.expectation(heatmap.normalize(render(p))), (points,))
    maps = torch.rand(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(heatmap.expectation, (maps,))


def test_sample_is_bilinear_and_zero_beyond_the_map() -> None:
    ramp = (torch.arange(6.0)[:, None] * 10 + torch.arange(8.0)).expand(1, 4, 6, 8)
    points = torch.tensor([[[2.0, 3.0], [2.25, 3.5], [7.0, 5.0], [-1.5, 2.0]]])
    expected = torch.tensor([[32.0, 37.25, 57.0, 0.0]])
    torch.testing.assert_close(_sample(ramp, points), expected)


def _everywhere(count=200, size=(9, 14), seed=3):
    """Random maps, and points in them, on their cells, on their borders and far beyond."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(1, count, *size, generator=generator, dtype=torch.float64)
    points = 30 * torch.rand(1, count, 2, generator=generator, dtype=torch.float64) - 8
    points[0, ::3] = points[0, ::3].round()
    points[0, 0] = 1e6
    return maps, points


def _offsets(maps, points):
    ys, xs = (torch.arange(side, dtype=maps.dtype) for side in maps.shape[-2:])
    return xs - points[..., 0:1], ys - points[..., 1:2]


@pytest.mark.parametrize("radius", [1.0, 2.5, 20.0])
def test_mass_near_is_that_of_the_whole_map_masked(radius):
    maps, points = _everywhere()
    dx, dy = _offsets(maps, points)
    near = dx[..., None, :] ** 2 + dy[..., :, None] ** 2 <= radius**2
    expected = (maps * near).sum(dim=(-2, -1))
    torch.testing.assert_close(_mass_near(maps, points, radius=radius), expected)


@pytest.mark.parametrize("radius", [1.0, 2.5, 20.0])
@pytest.mark.parametrize("transform", [None, torch.sigmoid])
def test_sample_is_bilinear_with_nothing_beyond_the_map(transform, radius):
    maps, points = _everywhere()
    dx, dy = _offsets(maps, points)
    tents = (1 - dy.abs()).clamp_min(0)[..., :, None] * (1 - dx.abs()).clamp_min(0)[..., None, :]
    expected = ((transform(maps) if transform else maps) * tents).sum(dim=(-2, -1))
    torch.testing.assert_close(_sample(maps, points, transform=transform, radius=radius), expected)


def test_points_that_are_no_numbers_are_no_addresses():
    maps, points = _everywhere(4)
    points[0, 1] = float("nan")
    assert _sample(maps, points).shape == _mass_near(maps, points, radius=2.0).shape == (1, 4)


def test_a_window_always_has_the_four_cells_around_a_point():
    with pytest.raises(ValueError, match=r"from 1 to 1000 cells; got 0\.5"):
        heatmap.window(torch.zeros(1, 1, 2), size=(8, 8), radius=0.5)


def test_windows_of_square_maps_are_as_of_others():
    maps, points = _everywhere(size=(12, 12))
    square = heatmap.window(points, size=(12, 12), radius=2.5)
    wider = heatmap.window(points, size=(12, 13), radius=2.5)
    padded = torch.nn.functional.pad(maps, (0, 1))
    torch.testing.assert_close(heatmap.mass_near(maps, square), heatmap.mass_near(padded, wider))
    torch.testing.assert_close(heatmap.sample(maps, square), heatmap.sample(padded, wider))
