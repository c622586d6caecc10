"""MTCNN's activations in a form that ONNX Runtime runs several times as fast on CPUs as its own PRelu.

Its fast convolutions store channels in blocks, as do pooling, sums and ReLU. PRelu does not: it is slow
itself, and whole maps must be reordered before and after it.
"""

from functools import partial
from typing import Any

import torch
from torch import nn

from face_alignment_3d.weights.module_tensors import unfilled

#: Channels that ONNX Runtime keeps together on the widest CPUs; it pools only whole blocks the fast way.
_BLOCK = 16


def without_prelu(network: nn.Module) -> nn.Module:
    """Rewrites, in place, one of facenet-pytorch's networks; it computes what it did before.

    Each ``prelu<i>`` behind a ``conv<i>`` becomes sums of ReLUs, moved behind ``pool<i>`` where there is one,
    for pooling leaves fewer values; and the softmax of two channels becomes a sigmoid.
    """
    layers = dict(network.named_children())
    for name, layer in layers.items():
        if isinstance(layer, nn.Softmax):
            setattr(network, name, _SoftmaxOfTwo())
        index = name.removeprefix("conv")
        prelu, pool = layers.get(f"prelu{index}"), layers.get(f"pool{index}")
        if not isinstance(layer, nn.Conv2d) or not isinstance(prelu, nn.PReLU):
            continue
        if isinstance(pool, nn.MaxPool2d):
            setattr(network, name, _PooledPReLU(layer, prelu, pool))
            setattr(network, f"prelu{index}", nn.Identity())
            setattr(network, f"pool{index}", nn.Identity())
        else:
            setattr(network, f"prelu{index}", _PReLU(prelu))
    return network.requires_grad_(False).eval()


class _PReLU(nn.Module):
    """a x + (1 - a) max(x, 0), with a slope a for each channel."""

    def __init__(self, prelu: nn.PReLU) -> None:
        super().__init__()
        slopes = prelu.weight.detach()
        self.below = _per_channel(slopes)
        self.above = _per_channel(1 - slopes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.above(torch.relu(x)) + self.below(x)
        return result


class _PooledPReLU(nn.Module):
    """A convolution, PReLU and max pooling, in the order convolution, pooling, PReLU.

    A PReLU with a slope of at least 0 is monotonic, so it may be applied after max pooling. With a slope a
    below 0 it is the larger of x and a x; the convolution computes both, and each is pooled.
    """

    def __init__(self, convolution: nn.Conv2d, prelu: nn.PReLU, pool: nn.MaxPool2d) -> None:
        super().__init__()
        slopes = prelu.weight.detach()
        count = len(slopes)
        falling = torch.nonzero(slopes < 0)[:, 0]
        # One channel for each, one more for each falling slope, and zeros to fill the last block.
        source = torch.cat([torch.arange(count), falling])
        factors = torch.cat([torch.ones(count), slopes[falling]])
        total = -(-len(source) // _BLOCK) * _BLOCK
        self.convolution = _convolution(convolution.in_channels, total, convolution.kernel_size)
        own, given = dict(self.convolution.named_parameters()), dict(convolution.named_parameters())
        for name, parameter in own.items():
            values = given[name].detach()[source]
            parameter.data.zero_()
            parameter.data[: len(source)] = values * factors.view(-1, *[1] * (values.ndim - 1))
        self.pool = pool
        # A slope a >= 0: p + (1 - a) max(-p, 0). A falling one: p + max(q - p, 0) with the pooled q of a x.
        own_channel = torch.eye(count, total)
        difference = -own_channel
        difference[falling, count + torch.arange(len(falling))] = 1
        self.own = _mixing(own_channel)
        self.difference = _mixing(difference)
        self.scale = _mixing(torch.diag(torch.where(slopes < 0, 1, 1 - slopes)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pool(self.convolution(x))
        result: torch.Tensor = self.scale(torch.relu(self.difference(pooled))) + self.own(pooled)
        return result


class _SoftmaxOfTwo(nn.Module):
    """The softmax over two channels, as a sigmoid of their difference."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        second = torch.sigmoid(x[:, 1:2] - x[:, 0:1])
        return torch.cat([1 - second, second], dim=1)


def _convolution(*args: Any, **options: Any) -> nn.Conv2d:
    """A layer whose weights are still to be set, without drawing random numbers for them."""
    return unfilled(partial(nn.Conv2d, *args, **options))


def _per_channel(factors: torch.Tensor) -> nn.Conv2d:
    layer = _convolution(len(factors), len(factors), 1, groups=len(factors), bias=False)
    layer.weight.data = factors.view(-1, 1, 1, 1).clone()
    return layer


def _mixing(matrix: torch.Tensor) -> nn.Conv2d:
    """A product of the channels with a matrix (out, in), at each place."""
    layer = _convolution(matrix.shape[1], matrix.shape[0], 1, bias=False)
    layer.weight.data = matrix[:, :, None, None].clone()
    return layer
