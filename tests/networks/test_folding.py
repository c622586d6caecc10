"""Folded batch norms compute what the layers that they replace do."""

import copy

import pytest
import torch
from torch import nn

from face_alignment_3d.networks.folding import fold_batch_norms
from face_alignment_3d.networks.paper.blocks import Bottleneck, PreActivationBottleneck
from face_alignment_3d.networks.presets import lite


def _lived_in(network: nn.Module) -> nn.Module:
    """Float64, with batch norms that have seen something."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.3, 3)
            if module.affine:
                nn.init.uniform_(module.weight, -1.5, 1.5)
                nn.init.normal_(module.bias)
    return network.double().eval().requires_grad_(False)


def _norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(6, 8, 3, 2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()],
        [nn.Conv2d(6, 8, 3, groups=2), nn.BatchNorm2d(8, affine=False, eps=0.1)],
        [nn.ConvTranspose2d(6, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU()],
        [nn.ConvTranspose2d(6, 9, 5, 3, 1, groups=3), nn.BatchNorm2d(9)],
        [nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)],
    ],
)
def test_a_folded_sequence_is_the_same_function(layers: list[nn.Module]) -> None:
    network = _lived_in(nn.Sequential(nn.Sequential(*copy.deepcopy(layers))))
    x = torch.randn(2, 6, 9, 7, dtype=torch.float64)
    expected = network(x)
    fold_batch_norms(network)
    assert _norms(network) == 0
    torch.testing.assert_close(network(x), expected, atol=1e-12, rtol=1e-12)


def test_named_pairs_are_folded_and_preactivations_stay() -> None:
    network = _lived_in(nn.Sequential(Bottleneck(8, 4, 12, stride=2), PreActivationBottleneck(12, 4, 12)))
    x = torch.randn(2, 8, 10, 10, dtype=torch.float64)
    expected = network(x)
    fold_batch_norms(network)
    assert _norms(network) == 1  # The one in front of the second block.
    torch.testing.assert_close(network(x), expected, atol=1e-12, rtol=1e-12)


def test_a_network_in_training_is_not_folded() -> None:
    with pytest.raises(ValueError, match="eval mode"):
        fold_batch_norms(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))


def test_a_folded_cascade_says_the_same() -> None:
    torch.manual_seed(1)
    cascade = _lived_in(lite())
    for module in cascade.modules():  # The statistics above would make features explode layer by layer.
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.mul_(100)
    crops = 255 * torch.rand(2, 3, 128, 128, dtype=torch.float64)
    image = cascade.normalize(crops)
    landmarks_2d = cascade.predict_2d(image)
    fold_batch_norms(cascade)
    folded = cascade.predict_2d(image)
    assert _norms(cascade) == 0
    torch.testing.assert_close(folded.detection_logits, landmarks_2d.detection_logits, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(folded.points, landmarks_2d.points, atol=1e-4, rtol=0)  # Decoded in float32.
