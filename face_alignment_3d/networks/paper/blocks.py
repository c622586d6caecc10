"""The two kinds of bottleneck that the networks of the paper are made of."""

from typing import cast

import torch
from torch import nn


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions and a shortcut (He et al. 2015).

    (B, inputs, h, w) -> (B, outputs, h / stride, w / stride). The stride is in the 3 x 3 convolution and the
    attributes are named as in torchvision, so that its ImageNet weights fit.
    """

    def __init__(self, inputs: int, width: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / stride, w / stride)."""
        residual = torch.relu_(self.bn1(self.conv1(x)))
        residual = torch.relu_(self.bn2(self.conv2(residual)))
        return torch.relu_(self.bn3(self.conv3(residual)) + self.downsample(x))


class PreActivationBottleneck(nn.Module):
    """The same convolutions, each after its own batch norm and ReLU (He et al. 2016).

    (B, inputs, h, w) -> (B, outputs, h / stride, w / stride). Where the shape is kept, the shortcut is the
    input itself; where it changes, a 1 x 1 convolution of the activated input. ``activated`` says that the
    input went through batch norm and ReLU already, as the first block's after a stem does.
    """

    def __init__(
        self, inputs: int, width: int, outputs: int, *, stride: int = 1, activated: bool = False
    ) -> None:
        super().__init__()
        self.preactivation: nn.Module = (
            nn.Identity() if activated else nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        )
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, outputs, 1, bias=False),
        )
        self.projection: nn.Module | None = None
        if inputs != outputs or stride != 1:
            self.projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / stride, w / stride)."""
        active = self.preactivation(x)
        shortcut = x if self.projection is None else self.projection(active)
        return cast(torch.Tensor, self.residual(active) + shortcut)
