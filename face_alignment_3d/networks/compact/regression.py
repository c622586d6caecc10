"""Part regression at small sizes: one hourglass that takes the detection maps and image features."""

import torch
from torch import nn

from face_alignment_3d.networks.blocks import (
    BasicBlock,
    conv_norm_relu,
    residual_stage,
    upsample_norm_relu,
)


class Hourglass(nn.Module):
    """One level of an hourglass (Newell et al. 2016), with the levels below it inside.

    Goes down by a stride of 2, through the lower levels, and back up by a learned deconvolution (paper,
    section 3.1: in place of nearest-neighbor upsampling), beside a skip branch at full resolution.
    """

    def __init__(self, channels: tuple[int, ...], *, deconvolution: int) -> None:
        super().__init__()
        here, below = channels[:2]
        self.down = BasicBlock(here, below, stride=2)
        self.inner: nn.Module = (
            Hourglass(channels[1:], deconvolution=deconvolution)
            if len(channels) > 2
            else residual_stage(below, below, blocks=1, stride=1)
        )
        self.up = upsample_norm_relu(below, here, deconvolution)
        self.fuse = conv_norm_relu(2 * here, here, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> the same shape; h and w are divisible by 2 to the power of the levels."""
        lower = self.up(self.inner(self.down(x)))
        fused: torch.Tensor = self.fuse(torch.cat([x, lower], dim=1))
        return fused


class CompactRegression(nn.Module):
    """Refines the detection maps into one heatmap a landmark."""

    def __init__(
        self, landmarks: int, features: int, channels: tuple[int, ...], *, deconvolution: int
    ) -> None:
        super().__init__()
        self.enter = conv_norm_relu(landmarks + features, channels[0], 1)
        self.hourglass = Hourglass(channels, deconvolution=deconvolution)
        self.leave = conv_norm_relu(channels[0], channels[0])
        self.score = nn.Conv2d(channels[0], landmarks, 1)

    def forward(
        self, detection_logits: torch.Tensor, features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, N, h, w) detection logits and (B, F, h, w) features -> heatmap logits and their features.

        Logits are (B, N, h, w), the features that they are made of (B, channels[0], h, w). The softmax over
        each map is the distribution of the landmark's position.
        """
        stacked = torch.cat([torch.sigmoid(detection_logits), features], dim=1)
        refined = self.leave(self.hourglass(self.enter(stacked)))
        return self.score(refined), refined
