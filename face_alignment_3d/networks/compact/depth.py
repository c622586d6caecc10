"""Z regression at small sizes: from the crop, the heatmaps of the decoded landmarks and their coordinates."""

import torch
from torch import nn

from face_alignment_3d.networks.blocks import conv_norm_relu, residual_stage


class ShapePrior(nn.Module):
    """Predicts z from x and y alone, as the shape of faces, expressions and poses imply it.

    Works on points that are centered and divided by their spread, so it does not depend on place and size,
    and it can be trained on labels without photos, over more poses than there are photos.
    """

    def __init__(self, landmarks: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * landmarks, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
        )
        self.score = nn.Linear(width, landmarks)

    def forward(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, N, 2) -> z (B, N) and the last hidden layer (B, width), in units of the spread (B, 1).

        z * spread is in the units of the points.
        """
        centered = points - points.mean(dim=1, keepdim=True)
        spread = centered.square().mean(dim=(1, 2)).sqrt().clamp_min(1e-3)[:, None]
        hidden = self.layers((centered / spread[:, :, None]).flatten(1))
        return self.score(hidden), hidden, spread


class CompactDepth(nn.Module):
    """The paper's Z network (section 3.2) at a small size, plus a shape prior that sees the coordinates.

    A residual network sees the crop stacked with a Gaussian at each landmark and corrects the prior's z.
    """

    def __init__(
        self, landmarks: int, *, stem: tuple[int, int], stages: tuple[int, int, int], prior: int
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm_relu(3, stem[0], 3, 2), conv_norm_relu(stem[0], stem[1], 3, 2))
        self.trunk = nn.Sequential(
            conv_norm_relu(stem[1] + landmarks, stages[0], 3, 2),
            residual_stage(stages[0], stages[1], blocks=1, stride=2),
            residual_stage(stages[1], stages[2], blocks=1, stride=2),
        )
        self.prior = ShapePrior(landmarks, prior)
        self.correction = nn.Sequential(
            nn.Linear(stages[2] + prior, prior), nn.ReLU(inplace=True), nn.Linear(prior, landmarks)
        )

    def forward(self, image: torch.Tensor, heatmaps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) image, (B, N, S/4, S/4) Gaussians, (B, N, 2) points -> z (B, N).

        Points and z are in crop pixels; the origin of z is arbitrary.
        """
        seen = self.trunk(torch.cat([self.stem(image), heatmaps], dim=1)).mean(dim=(2, 3))
        z, hidden, spread = self.prior(points)
        z = z + self.correction(torch.cat([seen, hidden], dim=1))
        z_crop: torch.Tensor = z * spread
        return z_crop
