"""Part detection as in the paper: a fully convolutional ResNet-152."""

import torch
from torch import nn

from face_alignment_3d.networks.paper import initialization
from face_alignment_3d.networks.paper.blocks import Bottleneck

_BLOCKS = (3, 8, 36, 3)
_WIDTHS = (64, 128, 256, 512)
_STRIDES = (1, 2, 2, 1)  # The paper's change is in the last: ResNet-152 has 2 there.
_EXPANSION = 4


def _stage(inputs: int, width: int, *, blocks: int, stride: int) -> nn.Sequential:
    outputs = _EXPANSION * width
    first = Bottleneck(inputs, width, outputs, stride=stride)
    return nn.Sequential(first, *(Bottleneck(outputs, width, outputs) for _ in range(blocks - 1)))


class ResNet152Trunk(nn.Module):
    """ResNet-152 without average pool and fully connected layer; its 5th block has a stride of 1.

    The state dict has the names and shapes of torchvision's ``resnet152`` without ``fc.weight`` and
    ``fc.bias``, so ImageNet weights load as they are. ``conv1`` and ``bn1`` are block B1 of the paper,
    ``layer1`` to ``layer4`` are B2 to B5.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        inputs = (64, *(_EXPANSION * width for width in _WIDTHS))
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(inputs[i], _WIDTHS[i], blocks=_BLOCKS[i], stride=_STRIDES[i]) for i in range(4)
        )

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 3, S, S) -> (B, 256, S/4, S/4) after block B2, (B, 2048, S/16, S/16) after block B5."""
        shallow = self.layer1(self.pool(torch.relu_(self.bn1(self.conv1(image)))))
        return shallow, self.layer4(self.layer3(self.layer2(shallow)))


class PaperDetection(nn.Module):
    """Predicts for each pixel of the crop and each landmark whether the landmark lies near.

    Fixed by the paper (section 3.1): ResNet-152, no average pool, no fully connected layer, stride 1 in the
    5th block, then a deconvolution and a fully convolutional layer that gives N maps; new layers start at
    zero.

    Our choices, where the paper is silent:

    - One deconvolution of kernel 32 and stride 16 takes 24 x 24 cells to all 384 x 384 pixels. From 2048 to
      128 channels it would have 268 M parameters, four times the ResNet; in 32 groups it has 8.4 M. A ReLU
      follows it.
    - Only the fully convolutional layer starts at zero. With the deconvolution before it at zero too, neither
      would ever get a gradient. The deconvolution starts as bilinear upsampling; maps still start at zero.
    - The image features handed to the regression are those of block B2, at a quarter of the crop's size.
    """

    FEATURES = 256
    """Channels of the features."""

    def __init__(self, landmarks: int) -> None:
        super().__init__()
        self.trunk = ResNet152Trunk()
        self.deconvolution = nn.ConvTranspose2d(2048, 128, 32, stride=16, padding=8, groups=32)
        self.score = nn.Conv2d(128, landmarks, 1)
        initialization.he_(self.trunk)
        initialization.bilinear_(self.deconvolution)
        initialization.zeros_(self.score)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 3, S, S) normalized image -> logits (B, N, S, S), features (B, 256, S/4, S/4).

        S is a multiple of 16. A logit's sigmoid is the probability that the landmark lies near that pixel.
        """
        shallow, deep = self.trunk(image)
        return self.score(torch.relu_(self.deconvolution(deep))), shallow
