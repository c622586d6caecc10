"""The scout's network: a small residual trunk, three levels added from coarse to fine, a head for each."""

import torch
from torch import nn
from torch.nn import functional

from face_alignment_3d.detection.scout.layout import CHANNELS, STRIDES

_STEM = (16, 24)
_TRUNK = (36, 44, 44)
_BLOCKS = (1, 1, 2)
_NECK = 36


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return functional.relu(features + self.second(self.first(features)))


class ScoutNetwork(nn.Module):
    """(B, H, W, 3) uint8 RGB, sides multiples of 32 -> (B, N, 7), see :mod:`.layout`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(3, _STEM[0], stride=2), _convolution(_STEM[0], _STEM[1], stride=2)
        )
        widths = (_STEM[1], *_TRUNK)
        self.trunk = nn.ModuleList(
            nn.Sequential(
                _convolution(widths[level], widths[level + 1], stride=2),
                *(_Residual(widths[level + 1]) for _ in range(_BLOCKS[level])),
            )
            for level in range(len(STRIDES))
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, _NECK, 1) for width in _TRUNK)
        # One for each level: they differ in the statistics that batch norms keep.
        self.heads = nn.ModuleList(_convolution(_NECK, _NECK) for _ in STRIDES)
        self.output = nn.Conv2d(_NECK, CHANNELS, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, H, W, 3) uint8 -> (B, N, 7) float32."""
        features = self.stem(pixels.permute(0, 3, 1, 2).float() / 64 - 2)
        levels = []
        for stage in self.trunk:
            features = stage(features)
            levels.append(features)
        outputs: list[torch.Tensor] = []
        above: torch.Tensor | None = None
        for lateral, head, level in zip(
            reversed(self.lateral), reversed(self.heads), reversed(levels), strict=True
        ):
            mixed = lateral(level)
            if above is not None:
                mixed = mixed + functional.interpolate(above, size=mixed.shape[-2:], mode="nearest")
            above = mixed
            said = self.output(head(functional.relu(mixed)))
            outputs.insert(0, said.flatten(2).transpose(1, 2))
        return torch.cat(outputs, dim=1).float()
