"""Part regression as in the paper: an hourglass of residual modules with learned upsampling."""

import torch
from torch import nn

from face_alignment_3d.networks.paper import initialization
from face_alignment_3d.networks.paper.blocks import PreActivationBottleneck

_CHANNELS = 256
_LEVELS = 4
_MODULES = 3


def _residual(inputs: int = _CHANNELS) -> PreActivationBottleneck:
    return PreActivationBottleneck(inputs, _CHANNELS // 2, _CHANNELS)


def _residuals() -> nn.Sequential:
    return nn.Sequential(*(_residual() for _ in range(_MODULES)))


class DeconvolutionHourglass(nn.Module):
    """One level of an hourglass (Newell et al. 2016), with the levels below it inside.

    (B, 256, h, w) -> the same shape. Height and width must be divisible by 2 to the power of ``levels``.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.skip = _residuals()
        self.pool = nn.MaxPool2d(2)
        self.down = _residuals()
        self.inner: nn.Module = DeconvolutionHourglass(levels - 1) if levels > 1 else _residuals()
        self.up = _residuals()
        self.deconvolution = nn.ConvTranspose2d(_CHANNELS, _CHANNELS, 4, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 256, h, w) -> the same shape."""
        lower = self.up(self.inner(self.down(self.pool(x))))
        fused: torch.Tensor = self.deconvolution(lower) + self.skip(x)
        return fused


class PaperRegression(nn.Module):
    """Refines the detection maps into one heatmap a landmark, at the resolution of the crop.

    Fixed by the paper (section 3.1): an hourglass of residual modules that takes the stacked detection maps
    together with image features; learnable deconvolutions in place of nearest-neighbor upsampling; one more
    deconvolution back to the resolution of the input; deconvolutions start as bilinear upsampling.

    Our choices, where the paper is silent: a strided 7 x 7 convolution and a max pool, as in a ResNet's first
    block, take the detection maps to the features' resolution; four levels of 256 channels as in Newell et
    al.; three pre-activation residual modules in each branch; the last deconvolution, of kernel 8 and stride
    4, works on the N maps.
    """

    def __init__(self, landmarks: int, features: int) -> None:
        super().__init__()
        self.enter_maps = nn.Sequential(
            nn.Conv2d(landmarks, 64, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.enter = _residual(64 + features)
        self.hourglass = DeconvolutionHourglass(_LEVELS)
        self.leave = nn.Sequential(nn.BatchNorm2d(_CHANNELS), nn.ReLU(inplace=True))
        self.score = nn.Conv2d(_CHANNELS, landmarks, 1)
        self.deconvolution = nn.ConvTranspose2d(landmarks, landmarks, 8, stride=4, padding=2)
        initialization.he_(self)
        # He's variance would start the maps at several times the Gaussians' peak of 1.
        initialization.gaussian_(self.score, std=0.01)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                initialization.bilinear_(module)

    def forward(
        self, detection_logits: torch.Tensor, features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, N, S, S) detection logits and (B, F, S/4, S/4) features -> heatmaps and their features.

        Heatmaps are (B, N, S, S), the features that they are made of (B, 256, S/4, S/4). S is a multiple of
        64. Trained against Gaussians of peak 1; values may be negative.
        """
        maps = self.enter_maps(torch.sigmoid(detection_logits))
        deep = self.hourglass(self.enter(torch.cat([maps, features], dim=1)))
        refined = self.leave(deep)
        return self.deconvolution(self.score(refined)), refined
