"""The preset ``paper`` against the specification of Bulat & Tzimiropoulos (2016), written out in numbers."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet152

from face_alignment_3d.networks.paper.blocks import Bottleneck, PreActivationBottleneck
from face_alignment_3d.networks.paper.depth import PaperDepth
from face_alignment_3d.networks.paper.detection import PaperDetection, ResNet152Trunk
from face_alignment_3d.networks.paper.regression import DeconvolutionHourglass, PaperRegression
from face_alignment_3d.networks.presets import PRESETS

N = 66


@pytest.fixture(scope="module")
def cascade():
    """The preset without memory: structure and shapes only."""
    with torch.device("meta"):
        return PRESETS["paper"]().eval()


def _parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def _output_shapes(network, inputs, chosen):
    """The shape that each of ``chosen`` modules puts out while ``network`` sees ``inputs``."""
    shapes = {}
    hooks = [
        module.register_forward_hook(
            lambda _m, _i, out, name=name: shapes.__setitem__(name, tuple(out.shape))
        )
        for name, module in chosen.items()
    ]
    with torch.no_grad():
        network(*inputs)
    for hook in hooks:
        hook.remove()
    return shapes


def _empty(*shape):
    return torch.empty(shape, device="meta")


# --- Part detection ---------------------------------------------------------------------------------------


def test_detection_trunk_is_torchvisions_resnet_152(cascade):
    with torch.device("meta"):
        reference = resnet152().state_dict()
    expected = {name: tensor.shape for name, tensor in reference.items() if not name.startswith("fc.")}
    ours = {name: tensor.shape for name, tensor in cascade.detection.trunk.state_dict().items()}
    assert ours == expected


def test_detection_trunk_computes_what_torchvisions_does():
    torch.manual_seed(0)
    ours, reference = ResNet152Trunk().eval(), resnet152().eval()
    weights = {name: w for name, w in reference.state_dict().items() if not name.startswith("fc.")}
    ours.load_state_dict(weights)
    reference.layer4[0].conv2.stride = (1, 1)
    reference.layer4[0].downsample[0].stride = (1, 1)
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        shallow, deep = ours(image)
        x = reference.maxpool(reference.relu(reference.bn1(reference.conv1(image))))
        expected_shallow = reference.layer1(x)
        expected_deep = reference.layer4(reference.layer3(reference.layer2(expected_shallow)))
    torch.testing.assert_close(shallow, expected_shallow)
    torch.testing.assert_close(deep, expected_deep)


def test_detection_blocks_channels_and_strides(cascade):
    trunk = cascade.detection.trunk
    assert (trunk.conv1.in_channels, trunk.conv1.out_channels) == (3, 64)
    assert (trunk.conv1.kernel_size, trunk.conv1.stride) == ((7, 7), (2, 2))
    stages = [trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4]
    assert [len(stage) for stage in stages] == [3, 8, 36, 3]
    assert [stage[0].conv2.stride for stage in stages] == [(1, 1), (2, 2), (2, 2), (1, 1)]
    widths = [
        (b.conv1.out_channels, b.conv2.out_channels, b.conv3.out_channels) for b in (s[-1] for s in stages)
    ]
    assert widths == [(64, 64, 256), (128, 128, 512), (256, 256, 1024), (512, 512, 2048)]
    assert not any(
        isinstance(m, (nn.Linear, nn.AdaptiveAvgPool2d, nn.AvgPool2d)) for m in cascade.detection.modules()
    )


def test_detection_sizes(cascade):
    detection, trunk = cascade.detection, cascade.detection.trunk
    chosen = {
        "B1": trunk.pool,
        "B2": trunk.layer1,
        "B3": trunk.layer2,
        "B4": trunk.layer3,
        "B5": trunk.layer4,
        "deconvolution": detection.deconvolution,
        "maps": detection.score,
    }
    assert _output_shapes(detection, [_empty(2, 3, 384, 384)], chosen) == {
        "B1": (2, 64, 96, 96),
        "B2": (2, 256, 96, 96),
        "B3": (2, 512, 48, 48),
        "B4": (2, 1024, 24, 24),
        "B5": (2, 2048, 24, 24),
        "deconvolution": (2, 128, 384, 384),
        "maps": (2, N, 384, 384),
    }


def test_detection_ends_in_one_deconvolution_and_a_1x1_convolution(cascade):
    deconvolutions = [m for m in cascade.detection.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert deconvolutions == [cascade.detection.deconvolution]
    assert cascade.detection.score.kernel_size == (1, 1)


def _bottleneck_parameters(inputs, width, outputs):
    convolutions = inputs * width + 9 * width * width + width * outputs
    norms = 2 * (width + width + outputs)
    projection = inputs * outputs + 2 * outputs if inputs != outputs else 0
    return convolutions + norms + projection


def _preactivation_parameters(inputs, width, outputs, *, own_activation=True):
    convolutions = inputs * width + 9 * width * width + width * outputs
    norms = 2 * (width + width) + (2 * inputs if own_activation else 0)
    projection = inputs * outputs if inputs != outputs else 0
    return convolutions + norms + projection


def test_detection_parameters(cascade):
    b1 = 3 * 64 * 7 * 7 + 2 * 64
    b2 = _bottleneck_parameters(64, 64, 256) + 2 * _bottleneck_parameters(256, 64, 256)
    b3 = _bottleneck_parameters(256, 128, 512) + 7 * _bottleneck_parameters(512, 128, 512)
    b4 = _bottleneck_parameters(512, 256, 1024) + 35 * _bottleneck_parameters(1024, 256, 1024)
    b5 = _bottleneck_parameters(1024, 512, 2048) + 2 * _bottleneck_parameters(2048, 512, 2048)
    deconvolution = 2048 * (128 // 32) * 32 * 32 + 128
    score = 128 * N + N
    assert b1 + b2 + b3 + b4 + b5 == 60_192_808 - (
        2048 * 1000 + 1000
    )  # ResNet-152's published count, less its fc
    assert _parameters(cascade.detection) == b1 + b2 + b3 + b4 + b5 + deconvolution + score


# --- Part regression --------------------------------------------------------------------------------------


def test_regression_is_one_hourglass_with_learned_upsampling(cascade):
    regression = cascade.regression
    levels = [m for m in regression.modules() if isinstance(m, DeconvolutionHourglass)]
    assert len(levels) == 4
    assert not any(isinstance(m, nn.Upsample) for m in regression.modules())
    deconvolutions = [m for m in regression.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(d.in_channels, d.out_channels, d.kernel_size[0], d.stride[0]) for d in deconvolutions] == [
        *[(256, 256, 4, 2)] * 4,
        (N, N, 8, 4),
    ]
    residuals = [m for m in regression.modules() if isinstance(m, PreActivationBottleneck)]
    assert len(residuals) == 1 + 4 * 3 * 3 + 3


def test_regression_sizes(cascade):
    regression = cascade.regression
    levels = [m for m in regression.modules() if isinstance(m, DeconvolutionHourglass)]
    chosen = {f"level {i}": level for i, level in enumerate(levels)}
    chosen |= {"bottom": levels[-1].inner, "score": regression.score, "maps": regression.deconvolution}
    inputs = [_empty(2, N, 384, 384), _empty(2, 256, 96, 96)]
    assert _output_shapes(regression, inputs, chosen) == {
        "level 0": (2, 256, 96, 96),
        "level 1": (2, 256, 48, 48),
        "level 2": (2, 256, 24, 24),
        "level 3": (2, 256, 12, 12),
        "bottom": (2, 256, 6, 6),
        "score": (2, N, 96, 96),
        "maps": (2, N, 384, 384),
    }


def test_regression_parameters(cascade):
    residual = _preactivation_parameters(256, 128, 256)
    enter = N * 64 * 7 * 7 + 2 * 64 + _preactivation_parameters(64 + 256, 128, 256)
    level = 3 * 3 * residual + 256 * 256 * 4 * 4 + 256
    leave = 2 * 256 + 256 * N + N + N * N * 8 * 8 + N
    assert _parameters(cascade.regression) == enter + 4 * level + 3 * residual + leave


# --- Z regression -----------------------------------------------------------------------------------------


def test_depth_blocks_channels_and_strides(cascade):
    depth = cascade.depth
    first = depth.stem[0]
    assert (first.in_channels, first.out_channels) == (3 + N, 64)
    assert (first.kernel_size, first.stride) == ((7, 7), (2, 2))
    assert (depth.stem[-1].kernel_size, depth.stem[-1].stride) == (3, 2)
    assert [len(stage) for stage in depth.stages] == [3, 24, 38, 3]
    convolutions = [[m for m in stage[-1].residual if isinstance(m, nn.Conv2d)] for stage in depth.stages]
    assert [[c.kernel_size[0] for c in block] for block in convolutions] == [[1, 3, 1]] * 4
    assert [[c.out_channels for c in block] for block in convolutions] == [
        [64, 64, 256],
        [128, 128, 512],
        [256, 256, 1024],
        [512, 512, 2048],
    ]
    assert (depth.score.in_features, depth.score.out_features) == (2048, N)


def test_depth_sizes(cascade):
    depth = cascade.depth
    chosen = {"B1": depth.stem} | {f"B{i + 2}": stage for i, stage in enumerate(depth.stages)}
    chosen["B6"] = depth.score
    inputs = [_empty(2, 3, 384, 384), _empty(2, N, 384, 384), _empty(2, N, 2)]
    assert _output_shapes(depth, inputs, chosen) == {
        "B1": (2, 64, 96, 96),
        "B2": (2, 256, 96, 96),
        "B3": (2, 512, 48, 48),
        "B4": (2, 1024, 24, 24),
        "B5": (2, 2048, 12, 12),
        "B6": (2, N),
    }


def test_depth_activates_before_each_convolution(cascade):
    blocks = [block for stage in cascade.depth.stages for block in stage]
    # The stem activates for the first block; every other block activates for itself.
    assert isinstance(blocks[0].preactivation, nn.Identity)
    for block in blocks[1:]:
        assert [type(m) for m in block.preactivation] == [nn.BatchNorm2d, nn.ReLU]
    assert isinstance(blocks[-1].residual[-1], nn.Conv2d)
    assert [type(m) for m in cascade.depth.leave] == [nn.BatchNorm2d, nn.ReLU]


def test_depth_parameters(cascade):
    b1 = (3 + N) * 64 * 7 * 7 + 2 * 64
    b2 = _preactivation_parameters(64, 64, 256, own_activation=False)
    b2 += 2 * _preactivation_parameters(256, 64, 256)
    b3 = _preactivation_parameters(256, 128, 512) + 23 * _preactivation_parameters(512, 128, 512)
    b4 = _preactivation_parameters(512, 256, 1024) + 37 * _preactivation_parameters(1024, 256, 1024)
    b5 = _preactivation_parameters(1024, 512, 2048) + 2 * _preactivation_parameters(2048, 512, 2048)
    b6 = 2048 * N + N
    assert _parameters(cascade.depth) == b1 + b2 + b3 + b4 + b5 + 2 * 2048 + b6


# --- Geometry and the whole ---------------------------------------------------------------------------------


def test_geometry(cascade):
    geometry = cascade.geometry
    assert (geometry.landmarks, geometry.input_size) == (N, 384)
    assert geometry.heatmap_size == geometry.depth_size == (384, 384)
    assert 1.20 <= geometry.crop_scale <= 1.25
    assert (geometry.detection_radius, geometry.depth_std) == (7, 6)
    assert geometry.decoding == "peak"


def test_one_forward_and_backward_at_full_size():
    torch.manual_seed(0)
    cascade = PRESETS["paper"]().train()
    image = cascade.normalize(255 * torch.rand(1, 3, 384, 384))
    landmarks_2d = cascade.predict_2d(image)
    z = cascade.regress_depth(image, landmarks_2d.points.detach())
    assert landmarks_2d.detection_logits.shape == landmarks_2d.heatmaps.shape == (1, N, 384, 384)
    assert landmarks_2d.points.shape == (1, N, 2)
    assert z.shape == (1, N)
    assert landmarks_2d.detection_logits.abs().max() == 0  # the new layers start at zero
    confidence = cascade.confidence(landmarks_2d)
    assert ((confidence >= 0) & (confidence <= 1 + 1e-5)).all()
    torch.testing.assert_close(z.mean(dim=1), torch.zeros(1), atol=1e-4, rtol=0)
    disks = torch.zeros_like(landmarks_2d.detection_logits)
    disks[..., 100:114, 100:114] = 1
    loss = functional.binary_cross_entropy_with_logits(landmarks_2d.detection_logits, disks)
    loss = loss + (landmarks_2d.heatmaps - disks).square().mean() + (z - torch.arange(N)).square().mean()
    loss.backward()
    reached = [
        cascade.detection.trunk.conv1,
        cascade.detection.score,
        cascade.regression.enter_maps[0],
        cascade.regression.deconvolution,
        cascade.depth.stem[0],
        cascade.depth.score,
    ]
    for layer in reached:
        assert layer.weight.grad is not None
        assert layer.weight.grad.isfinite().all()
        assert layer.weight.grad.any()


def test_zero_start_does_not_stop_the_detection_from_learning():
    """The score's zeros block the first step's gradient to what lies below it, but no later one's."""
    torch.manual_seed(0)
    detection = PaperDetection(3)
    detection.trunk = nn.Module()
    deep = torch.rand(1, 2048, 2, 2)
    target = torch.zeros(1, 3, 32, 32)
    target[..., :12, :12] = 1
    head = nn.Sequential(detection.deconvolution, nn.ReLU(), detection.score)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
    losses = []
    for _ in range(3):
        loss = functional.binary_cross_entropy_with_logits(head(deep), target)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    assert detection.deconvolution.weight.grad.any()
    assert losses[0] > losses[1] > losses[2]
    # Channels of a group started apart, so they can learn apart.
    outputs = detection.deconvolution(deep)
    assert (outputs[:, 0] - outputs[:, 1]).abs().max() > 1e-4


# --- Parts at small sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2])
def test_bottlenecks_by_hand(stride):
    torch.manual_seed(1)
    x = torch.randn(2, 8, 6, 6)
    block = Bottleneck(8, 4, 16, stride=stride).eval()
    inner = functional.conv2d(x, block.conv1.weight).relu() / (1 + 1e-5) ** 0.5
    inner = functional.conv2d(inner, block.conv2.weight, stride=stride, padding=1).relu() / (1 + 1e-5) ** 0.5
    inner = functional.conv2d(inner, block.conv3.weight)
    shortcut = functional.conv2d(x, block.downsample[0].weight, stride=stride)
    torch.testing.assert_close(block(x), ((inner + shortcut) / (1 + 1e-5) ** 0.5).relu())

    pre = PreActivationBottleneck(8, 4, 16, stride=stride).eval()
    active = x.relu() / (1 + 1e-5) ** 0.5
    first, second, third = (m for m in pre.residual if isinstance(m, nn.Conv2d))
    inner = functional.conv2d(active, first.weight).relu() / (1 + 1e-5) ** 0.5
    inner = functional.conv2d(inner, second.weight, stride=stride, padding=1).relu() / (1 + 1e-5) ** 0.5
    inner = functional.conv2d(inner, third.weight)
    shortcut = functional.conv2d(active, pre.projection.weight, stride=stride)
    torch.testing.assert_close(pre(x), inner + shortcut)


def test_preactivation_shortcut_is_the_untouched_input():
    block = PreActivationBottleneck(8, 4, 8).eval()
    nn.init.zeros_(block.residual[-1].weight)
    x = torch.randn(1, 8, 5, 5)
    kept = x.clone()
    assert torch.equal(block(x), kept)
    assert torch.equal(x, kept)


def test_depth_ignores_the_coordinates():
    torch.manual_seed(2)
    depth = PaperDepth(2).eval()
    image, heatmaps = torch.randn(1, 3, 32, 32), torch.rand(1, 2, 32, 32)
    with torch.no_grad():
        first = depth(image, heatmaps, torch.zeros(1, 2, 2))
        assert torch.equal(first, depth(image, heatmaps, torch.ones(1, 2, 2)))
        assert not torch.equal(first, depth(image, heatmaps.flip(-1), torch.zeros(1, 2, 2)))


def test_depth_starts_from_the_papers_gaussians():
    torch.manual_seed(3)
    depth = PaperDepth(N)
    filters = depth.stem[0].weight.detach()
    assert filters[:, 3:].std() == pytest.approx(0.01, rel=0.02)
    assert filters[:, :3].std() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)
    assert depth.score.weight.detach().std() == pytest.approx(0.01, rel=0.02)
    assert not depth.score.bias.any()


def test_regression_uses_both_its_inputs():
    torch.manual_seed(4)
    regression = PaperRegression(3, 8).eval()
    logits, features = torch.randn(1, 3, 64, 64), torch.randn(1, 8, 16, 16)
    with torch.no_grad():
        out, refined = regression(logits, features)
        assert refined.shape == (1, 256, 16, 16)
        assert out.shape == (1, 3, 64, 64)
        assert not torch.equal(out, regression(logits.flip(-1), features)[0])
        assert not torch.equal(out, regression(logits, features.flip(-1))[0])
