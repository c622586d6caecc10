"""Part detection at small sizes: a residual encoder, deconvolutions up to a quarter of the crop, N maps."""

from dataclasses import dataclass

import torch
from torch import nn

from face_alignment_3d.networks.blocks import conv_norm_relu, residual_stage, upsample_norm_relu


@dataclass(frozen=True)
class DetectionWidths:
    """Channels (and blocks, and kernel) of each part of :class:`CompactDetection`."""

    stem: int
    features: int
    stages: tuple[int, int, int]
    blocks: tuple[int, int, int, int]
    decoder: int
    deconvolution: int
    """The kernel's side."""


class CompactDetection(nn.Module):
    """Finds the rough place of each landmark, and computes the features with which the regression refines it.

    The paper's plan (section 3.1) at a quarter of the resolution: a residual encoder whose last stage keeps
    its stride at 1, then deconvolutions and a 1 x 1 convolution to N maps.
    """

    def __init__(self, landmarks: int, widths: DetectionWidths) -> None:
        super().__init__()
        half, quarter, eighth = widths.stages
        self.stem = nn.Sequential(
            conv_norm_relu(3, widths.stem, 3, 2),
            conv_norm_relu(widths.stem, widths.features, 3, 2),
            residual_stage(widths.features, widths.features, blocks=widths.blocks[0], stride=1),
        )
        self.encoder = nn.Sequential(
            residual_stage(widths.features, half, blocks=widths.blocks[1], stride=2),
            residual_stage(half, quarter, blocks=widths.blocks[2], stride=2),
            residual_stage(quarter, eighth, blocks=widths.blocks[3], stride=1),
        )
        self.decoder = nn.Sequential(
            upsample_norm_relu(eighth, widths.decoder, widths.deconvolution),
            upsample_norm_relu(widths.decoder, widths.decoder, widths.deconvolution),
        )
        self.score = nn.Conv2d(widths.decoder, landmarks, 1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 3, S, S) normalized image -> logits (B, N, S/4, S/4), features (B, F, S/4, S/4).

        A logit's sigmoid is the probability that the landmark lies near that cell.
        """
        shallow = self.stem(image)
        deep = self.decoder(self.encoder(shallow))
        return self.score(deep), torch.cat([shallow, deep], dim=1)
