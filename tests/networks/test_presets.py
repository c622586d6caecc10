import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from face_alignment_3d.networks.cascade import Landmarks2D
from face_alignment_3d.networks.presets import PRESETS

N = 66
SMALL = ["nano", "lite", "base"]


@pytest.fixture(scope="module", params=SMALL)
def small(request):
    """A preset that a test can run for real, with batch norms that are not the identity."""
    torch.manual_seed(0)
    cascade = PRESETS[request.param]()
    for name, buffer in cascade.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return cascade.eval()


def _crops(cascade, count, seed=1):
    generator = torch.Generator().manual_seed(seed)
    side = cascade.geometry.input_size
    coarse = 255 * torch.rand(count, 3, 8, 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 255)


def _megabytes_fp16(cascade):
    return 2 * sum(tensor.numel() for tensor in cascade.state_dict().values()) / 1e6


def _gmac(cascade):
    side = cascade.geometry.input_size
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        cascade(torch.empty(1, 3, side, side, device="meta"))
    return counter.get_total_flops() / 2e9


def _meta(name):
    with torch.device("meta"):
        return PRESETS[name]().eval()


def test_preset_names():
    assert list(PRESETS) == ["nano", "lite", "lite-wide", "base", "paper"]


def test_presets_cannot_be_changed():
    with pytest.raises(TypeError):
        PRESETS["other"] = PRESETS["lite"]


@pytest.mark.parametrize(
    ("name", "gmac", "megabytes"),
    [("nano", 0.13, 2), ("lite", 0.35, 8), ("lite-wide", 0.5, 12), ("base", 2.4, 22)],
)
def test_budgets(name, gmac, megabytes):
    cascade = _meta(name)
    assert _gmac(cascade) <= gmac
    assert _megabytes_fp16(cascade) <= megabytes


def test_nano_has_few_parameters():
    assert sum(parameter.numel() for parameter in _meta("nano").parameters()) <= 0.8e6


@pytest.mark.parametrize("name", list(PRESETS))
def test_shapes_of_all_parts(name):
    cascade = _meta(name)
    geometry = cascade.geometry
    crops = torch.empty(2, 3, geometry.input_size, geometry.input_size, device="meta")
    landmarks_2d = cascade.predict_2d(cascade.normalize(crops))
    maps = (2, N, *geometry.heatmap_size)
    assert (
        landmarks_2d.detection_logits.shape
        == landmarks_2d.heatmaps.shape
        == landmarks_2d.distribution.shape
        == maps
    )
    assert landmarks_2d.points.shape == (2, N, 2)
    points, *rest = cascade(crops)
    assert points.shape == (2, N, 3)
    assert [each.shape for each in rest] == [(2, N)] * (1 if name == "paper" else 2)


@pytest.mark.parametrize("name", list(PRESETS))
def test_geometry_is_consistent(name):
    geometry = _meta(name).geometry
    assert geometry.landmarks == N
    assert geometry.input_size % geometry.heatmap_stride == 0
    assert geometry.input_size % geometry.depth_stride == 0
    # A Gaussian narrower than a cell would be sampled too coarsely to decode below a pixel.
    assert geometry.regression_std >= geometry.heatmap_stride
    assert geometry.depth_std >= geometry.depth_stride
    assert geometry.detection_radius >= geometry.heatmap_stride


def test_points_confidence_and_z_are_sane(small):
    with torch.no_grad():
        points, confidence, visibility = small(_crops(small, 2))
    side = small.geometry.input_size
    assert points.dtype == confidence.dtype == torch.float32
    assert ((points[..., :2] >= -0.5 - 1e-3) & (points[..., :2] <= side - 0.5 + 1e-3)).all()
    assert ((confidence >= 0) & (confidence <= 1 + 1e-5)).all()
    assert ((visibility >= 0) & (visibility <= 1)).all()
    torch.testing.assert_close(points[..., 2].mean(dim=1), torch.zeros(2), atol=1e-3, rtol=0)


def test_batch_equals_single(small):
    crops = _crops(small, 3)
    with torch.no_grad():
        points, confidence, visibility = small(crops)
        for i in range(3):
            alone, alone_confidence, alone_visibility = small(crops[i : i + 1])
            torch.testing.assert_close(alone[0], points[i], atol=1e-3, rtol=0)
            torch.testing.assert_close(alone_confidence[0], confidence[i], atol=1e-4, rtol=0)
            torch.testing.assert_close(alone_visibility[0], visibility[i], atol=1e-4, rtol=0)
    assert (points[0] - points[1]).abs().max() > 1e-2  # the crops were told apart


def test_confidence_needs_a_sharp_map_and_a_detection_that_agrees(small):
    geometry = small.geometry
    height, width = geometry.heatmap_size
    points = torch.tensor([[[0.5 * geometry.input_size, 0.4 * geometry.input_size]]])
    cells = (points + 0.5) / geometry.heatmap_stride - 0.5
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    squared = (xs - cells[0, 0, 0]) ** 2 + (ys - cells[0, 0, 1]) ** 2
    std = geometry.regression_std / geometry.heatmap_stride

    def confidence(*, spread: float, detection_logit: float) -> float:
        maps = torch.exp(-0.5 * squared / (spread * std) ** 2)[None, None]
        distribution = maps / maps.sum()
        logits = torch.full_like(maps, detection_logit)
        return small.confidence(Landmarks2D(logits, distribution, distribution, points, maps)).item()

    assert confidence(spread=1.0, detection_logit=9.0) > 0.8
    assert confidence(spread=4.0, detection_logit=9.0) < 0.25
    assert confidence(spread=1.0, detection_logit=-4.0) < 0.02


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_each_part(name):
    torch.manual_seed(0)
    cascade = PRESETS[name]().train()
    image = cascade.normalize(_crops(cascade, 2))
    landmarks_2d = cascade.predict_2d(image)
    z = cascade.regress_depth(image, landmarks_2d.points.detach())
    loss = (
        landmarks_2d.detection_logits.sigmoid().mean()
        + landmarks_2d.points.square().mean()
        + z.square().mean()
    )
    loss.backward()
    for part in (cascade.detection, cascade.regression, cascade.depth):
        untouched = [n for n, p in part.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert untouched == []
        reached = [p.grad.any().item() for p in part.parameters() if p.ndim > 1]
        assert all(reached)


def test_depth_gradient_reaches_the_planar_parts_when_not_detached(small):
    small.zero_grad()
    image = small.normalize(_crops(small, 1))
    small.regress_depth(image, small.predict_2d(image).points).square().sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in small.regression.parameters())
    small.zero_grad()


def test_normalization_is_imagenets(small):
    mean = 255 * torch.tensor([0.485, 0.456, 0.406])
    crops = mean.view(1, 3, 1, 1).expand(1, 3, 4, 4)
    torch.testing.assert_close(small.normalize(crops), torch.zeros(1, 3, 4, 4), atol=1e-6, rtol=0)
    brighter = small.normalize(crops + 255 * torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
    torch.testing.assert_close(brighter, torch.ones(1, 3, 4, 4))
    as_bytes = small.normalize(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    assert as_bytes.dtype == torch.float32


def test_normalization_is_not_part_of_the_weights(small):
    assert not {"mean", "std"} & set(small.state_dict())


@pytest.mark.parametrize("name", list(PRESETS))
@pytest.mark.parametrize("change", [-64, 64])
def test_crops_of_another_size_are_refused(name, change):
    cascade = _meta(name)
    side = cascade.geometry.input_size + change
    with pytest.raises(ValueError, match=rf"crops must have shape .* got \(1, 3, {side}, {side}\)"):
        cascade(torch.empty(1, 3, side, side, device="meta"))


@pytest.mark.parametrize("name", list(PRESETS))
@pytest.mark.parametrize("channels", [(1, 1), (3,)])
def test_crops_of_another_rank_or_channels_are_refused(name, channels):
    cascade = _meta(name)
    side = cascade.geometry.input_size
    with pytest.raises(
        ValueError, match=rf"crops must have shape \(B, 3, {side}, {side}\), RGB in \[0, 255\]; got"
    ):
        cascade(torch.empty(*channels, side, side, device="meta"))
