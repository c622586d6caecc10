import pytest
import torch
from torch import nn
from torch.nn import functional

from face_alignment_3d.networks.paper import initialization


@pytest.mark.parametrize("stride", [2, 4, 16])
def test_bilinear_deconvolution_is_bilinear_interpolation(stride):
    maps = torch.rand(2, 3, 6, 5)
    deconvolution = nn.ConvTranspose2d(3, 3, 2 * stride, stride, stride // 2)
    initialization.bilinear_(deconvolution)
    expected = functional.interpolate(maps, scale_factor=stride, mode="bilinear", align_corners=False)
    # At the border interpolation repeats the edge, a deconvolution fades to zero.
    inside = (..., slice(stride, -stride), slice(stride, -stride))
    torch.testing.assert_close(deconvolution(maps)[inside], expected[inside])


def test_bilinear_deconvolution_to_fewer_channels_averages_apart():
    deconvolution = nn.ConvTranspose2d(12, 4, 4, 2, 1, groups=2)
    initialization.bilinear_(deconvolution)
    # In each group of 6 inputs and 2 outputs, output 0 takes the even inputs and output 1 the odd ones.
    levels = torch.arange(12.0)
    maps = levels[None, :, None, None].expand(1, 12, 5, 5)
    middle = deconvolution(maps)[0, :, 5, 5]
    torch.testing.assert_close(middle, torch.tensor([2.0, 3.0, 8.0, 9.0]))


@pytest.mark.parametrize("arguments", [(3, 3, 4, 4, 0), (3, 3, 3, 2, 1), (3, 3, 4, 2, 0), (2, 3, 4, 2, 1)])
def test_bilinear_refuses_what_it_cannot_do(arguments):
    with pytest.raises(ValueError, match=r"expects .*; got"):
        initialization.bilinear_(nn.ConvTranspose2d(*arguments))


def test_zeros():
    layer = nn.Conv2d(3, 4, 3)
    initialization.zeros_(layer)
    assert not layer(torch.rand(1, 3, 8, 8)).any()


def test_gaussian_keeps_the_first_inputs():
    torch.manual_seed(0)
    layer = nn.Conv2d(10, 64, 7)
    before = layer.weight.detach().clone()
    initialization.gaussian_(layer, std=0.01, first_input=3)
    assert torch.equal(layer.weight[:, :3], before[:, :3])
    drawn = layer.weight[:, 3:].detach()
    assert drawn.std() == pytest.approx(0.01, rel=0.05)
    assert drawn.mean() == pytest.approx(0, abs=5e-4)
    assert not layer.bias.any()


def test_he_keeps_the_scale_of_activations():
    torch.manual_seed(0)
    network = nn.Sequential(*(m for _ in range(6) for m in (nn.Conv2d(64, 64, 1), nn.ReLU())))
    initialization.he_(network)
    with torch.no_grad():
        out = network(torch.randn(64, 64, 8, 8))
    assert out.square().mean() == pytest.approx(1, rel=0.5)
