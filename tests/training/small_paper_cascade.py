"""A cascade of the paper's own blocks that is small enough to train in a test."""

import torch
from torch import nn

from face_alignment_3d.networks.cascade import Cascade, CascadeGeometry
from face_alignment_3d.networks.paper import initialization
from face_alignment_3d.networks.paper.blocks import Bottleneck, PreActivationBottleneck

GEOMETRY = CascadeGeometry(
    landmarks=66,
    input_size=64,
    crop_scale=1.25,
    heatmap_stride=1,
    depth_stride=1,
    depth_std=2.0,
    detection_radius=3.0,
    regression_std=3.0,
    decoding="peak",
)


class _Detection(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, 2, padding=3, bias=False)
        self.trunk = nn.Sequential(Bottleneck(8, 4, 16, stride=2), Bottleneck(16, 4, 16))
        self.deconvolution = nn.ConvTranspose2d(16, 16, 8, stride=4, padding=2, groups=4)
        self.score = nn.Conv2d(16, 66, 1)
        initialization.he_(self.trunk)
        initialization.bilinear_(self.deconvolution)
        initialization.zeros_(self.score)

    def forward(self, image):
        features = self.trunk(self.stem(image))
        return self.score(torch.relu(self.deconvolution(features))), features


class _Regression(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Conv2d(66, 16, 4, stride=4)
        self.trunk = PreActivationBottleneck(32, 8, 32)
        self.score = nn.Conv2d(32, 66, 1)
        self.deconvolution = nn.ConvTranspose2d(66, 66, 8, stride=4, padding=2)
        initialization.gaussian_(self.score, std=0.01)
        initialization.bilinear_(self.deconvolution)

    def forward(self, detection_logits, features):
        maps = self.enter(torch.sigmoid(detection_logits))
        refined = self.trunk(torch.cat([maps, features], dim=1))
        return self.deconvolution(self.score(refined)), refined


class _Depth(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(69, 16, 7, 4, padding=3, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.stages = nn.Sequential(
            PreActivationBottleneck(16, 8, 32, stride=2, activated=True), PreActivationBottleneck(32, 8, 32)
        )
        self.leave = nn.Sequential(nn.BatchNorm2d(32), nn.ReLU())
        self.score = nn.Linear(32, 66)
        initialization.gaussian_(self.score, std=0.01)

    def forward(self, image, heatmaps, points):
        deep = self.leave(self.stages(self.stem(torch.cat([image, heatmaps], dim=1))))
        return self.score(deep.mean(dim=(2, 3)))


def small_paper_cascade() -> Cascade:
    return Cascade(GEOMETRY, _Detection(), _Regression(), _Depth())
