"""The convolutional pieces that the compact networks are made of."""

import torch
from torch import nn


def conv_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without bias and batch norm; a stride of s divides height and width by s."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


def conv_norm_relu(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """:func:`conv_norm` and a ReLU."""
    return nn.Sequential(*conv_norm(inputs, outputs, kernel, stride), nn.ReLU(inplace=True))


def upsample_norm_relu(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Doubles height and width with a learned deconvolution, whose kernel is even.

    With 2 each cell becomes four by itself, for a quarter of the products of 4, which also sees neighbors.
    """
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, kernel, stride=2, padding=kernel // 2 - 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut (He et al. 2015).

    (B, inputs, h, w) -> (B, outputs, h / stride, w / stride)
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *conv_norm_relu(inputs, outputs, 3, stride),
            *conv_norm(outputs, outputs),
        )
        same = inputs == outputs and stride == 1
        self.shortcut: nn.Module = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / stride, w / stride)."""
        return torch.relu(self.residual(x) + self.shortcut(x))


def residual_stage(inputs: int, outputs: int, *, blocks: int, stride: int) -> nn.Sequential:
    """``blocks`` basic blocks, the first of which has the stride and the change of channels."""
    first = BasicBlock(inputs, outputs, stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))
