"""MTCNN's networks compute the same without PReLU."""

import facenet_pytorch
import pytest
import torch
from torch import nn

from face_alignment_3d.detection.mtcnn_torch import load_stages
from face_alignment_3d.detection.prelu import without_prelu


class Layers(nn.Module):
    """One layer with slopes below 0, between 0 and 1, and above 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, 3)
        self.prelu1 = nn.PReLU(5)
        self.prelu1.weight.data = torch.tensor([-1.3, -0.2, 0.0, 0.4, 1.6])
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(5, 4, 2)
        self.prelu2 = nn.PReLU(4)
        self.prelu2.weight.data = torch.tensor([-2.0, 0.3, 1.0, 3.0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.prelu2(self.conv2(self.pool1(self.prelu1(self.conv1(x)))))
        return y


def test_any_slope() -> None:
    torch.manual_seed(0)
    layers = Layers().eval()
    x = torch.randn(2, 3, 20, 23)
    with torch.inference_mode():
        expected = layers(x)
        torch.testing.assert_close(without_prelu(layers)(x), expected, atol=1e-6, rtol=1e-5)
    assert not any(isinstance(module, nn.PReLU) for module in layers.modules())


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_the_three_networks(stage: int) -> None:
    sizes: tuple[tuple[int, ...], ...] = ((61, 50, 3), (7, 24, 24, 3), (7, 48, 48, 3))
    torch.manual_seed(stage)
    pixels = torch.randint(0, 256, sizes[stage], dtype=torch.uint8)
    network = load_stages()[stage]
    with torch.inference_mode():
        expected = network(pixels)
        without_prelu(network.network)
        found = network(pixels)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_pooling_comes_in_whole_blocks() -> None:
    network = without_prelu(facenet_pytorch.RNet(pretrained=False))
    pooled = [module for module in network.modules() if hasattr(module, "pool")]
    assert [module.convolution.out_channels % 16 for module in pooled] == [0, 0]
