"""Predicts the visibility of landmarks, from the features at each and from the pose that they show."""

import torch
from torch import nn


class CompactVisibility(nn.Module):
    """A logit for each landmark; its sigmoid is the probability that the landmark can be seen.

    A point may be hidden by two things. Something in front of it, such as a hand, shows in the features
    around the point, which are averaged over the landmark's own distribution. The head itself, when it turns,
    shows in the positions of all landmarks.
    """

    def __init__(self, landmarks: int, *, features: int, local: int, shape: int) -> None:
        super().__init__()
        self.local = nn.Sequential(nn.Linear(features, local), nn.ReLU(inplace=True))
        self.local_weight = nn.Parameter(torch.zeros(landmarks, local))
        self.shape = nn.Sequential(nn.Linear(3 * landmarks, shape), nn.ReLU(inplace=True))
        self.score = nn.Linear(shape, landmarks)

    def forward(
        self, features: torch.Tensor, distribution: torch.Tensor, points: torch.Tensor
    ) -> torch.Tensor:
        """(B, F, h, w) features, (B, N, h, w) maps of sum 1, (B, N, 3) points -> logits (B, N).

        Points may be in any unit, as long as x, y and z are in the same one.
        """
        around = torch.matmul(distribution.flatten(2).to(features.dtype), features.flatten(2).transpose(1, 2))
        centered = points - points.mean(dim=1, keepdim=True)
        spread = centered.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(1e-3)
        by_shape = self.score(self.shape((centered / spread).flatten(1)))
        logits: torch.Tensor = (self.local(around) * self.local_weight).sum(dim=-1) + by_shape
        return logits
