"""Z regression as in the paper: a pre-activation ResNet sees the crop and a Gaussian at each landmark."""

import torch
from torch import nn

from face_alignment_3d.networks.paper import initialization
from face_alignment_3d.networks.paper.blocks import PreActivationBottleneck

# The paper's Table 1. The original ResNet-200 (He et al. 2016) has 36 in place of 38: weights trained for it
# leave the last two blocks of that stage without a counterpart.
_BLOCKS = (3, 24, 38, 3)
_WIDTHS = (64, 128, 256, 512)
_OUTPUTS = (256, 512, 1024, 2048)
_STRIDES = (1, 2, 2, 2)

_RGB = 3
_NEW_WEIGHTS_STD = 0.01


def _stage(index: int) -> nn.Sequential:
    inputs = 64 if index == 0 else _OUTPUTS[index - 1]
    width, outputs = _WIDTHS[index], _OUTPUTS[index]
    # Only the very first block sees activations: the stem ends in batch norm and ReLU.
    first = PreActivationBottleneck(inputs, width, outputs, stride=_STRIDES[index], activated=index == 0)
    rest = (PreActivationBottleneck(outputs, width, outputs) for _ in range(_BLOCKS[index] - 1))
    return nn.Sequential(first, *rest)


class PaperDepth(nn.Module):
    """z of each landmark, from the crop stacked with its landmarks' heatmaps (paper, section 3.2, Table 1).

    ``stem`` is block B1 of the table, ``stages`` are B2 to B5 and ``score`` is B6. The stem's filters for the
    crop start as in a ResNet, or from ImageNet; those for the heatmaps, and the fully connected layer, start
    from a Gaussian of std 0.01.
    """

    def __init__(self, landmarks: int) -> None:
        super().__init__()
        first = nn.Conv2d(_RGB + landmarks, 64, 7, 2, padding=3, bias=False)
        self.stem = nn.Sequential(
            first, nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1)
        )
        self.stages = nn.Sequential(*(_stage(index) for index in range(4)))
        self.leave = nn.Sequential(nn.BatchNorm2d(_OUTPUTS[-1]), nn.ReLU(inplace=True))
        self.score = nn.Linear(_OUTPUTS[-1], landmarks)
        initialization.he_(self)
        initialization.gaussian_(first, std=_NEW_WEIGHTS_STD, first_input=_RGB)
        initialization.gaussian_(self.score, std=_NEW_WEIGHTS_STD)

    def forward(self, image: torch.Tensor, heatmaps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) normalized image, (B, N, S, S) Gaussians -> z (B, N), crop pixels.

        ``points`` (B, N, 2) go unused: this network reads the landmarks from the heatmaps alone.
        """
        deep = self.leave(self.stages(self.stem(torch.cat([image, heatmaps], dim=1))))
        z: torch.Tensor = self.score(deep.mean(dim=(2, 3)))
        return z
