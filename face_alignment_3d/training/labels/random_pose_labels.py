"""3D labels without photos in random poses: training data of the Z network's shape prior."""

import math

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.markup import MIRROR, OUTER_EYE_CORNERS
from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.lifting import rotation

_MAX_NOISE = 0.03


class RandomPoseLabels:
    """Labels that are turned to the front once, then drawn in random poses, mirrored, with noise."""

    def __init__(self, labels66: npt.NDArray[np.floating]) -> None:
        """``labels66``: (N, 66, 3) in the library's frame, in any pose."""
        labels = np.asarray(labels66, dtype=np.float64)
        labels = labels - labels.mean(axis=1, keepdims=True)
        frontal = labels[:1]
        for _ in range(3):
            _, turn, _ = umeyama(labels, np.broadcast_to(frontal, labels.shape))
            turned = np.einsum("nij,npj->npi", turn, labels)
            size = np.sqrt(np.square(turned).mean(axis=(1, 2), keepdims=True))
            mean = (turned / size).mean(axis=0)
            # A mean that equals its own mirror image faces the camera, but for the pitch.
            mirrored = mean[MIRROR] * [-1, 1, 1]
            frontal = ((mean + mirrored) / 2)[None]
        _, turn, _ = umeyama(labels, np.broadcast_to(frontal, labels.shape))
        turned = np.einsum("nij,npj->npi", turn, labels)
        size = np.sqrt(np.square(turned).mean(axis=(1, 2), keepdims=True))
        self._shapes = torch.from_numpy(turned / size).float()

    def sample(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Noisy x, y (count, 66, 2) and true z (count, 66), zero mean, in units of the face's spread."""
        chosen = torch.randint(len(self._shapes), (count,), generator=generator)
        shapes = self._shapes[chosen]
        mirrored = torch.rand(count, generator=generator) < 0.5
        flipped = shapes[:, torch.from_numpy(MIRROR.copy())] * torch.tensor([-1.0, 1.0, 1.0])
        shapes = torch.where(mirrored[:, None, None], flipped, shapes)
        points = torch.einsum("nij,npj->npi", rotation(self._angles(count, generator)), shapes)
        right, left = OUTER_EYE_CORNERS
        eyes = (shapes[:, right] - shapes[:, left]).norm(dim=-1)
        level = torch.rand(count, 1, 1, generator=generator) * _MAX_NOISE * eyes[:, None, None]
        noise = torch.randn(count, len(MIRROR), 2, generator=generator) * level
        z = points[..., 2] - points[..., 2].mean(dim=1, keepdim=True)
        return points[..., :2] + noise, z

    @staticmethod
    def _angles(count: int, generator: torch.Generator) -> torch.Tensor:
        """(count, 3) pitch, yaw, roll in radians: half near the front, half anywhere up to profile."""
        normal = torch.randn(count, 3, generator=generator) * torch.tensor([15.0, 25.0, 20.0])
        uniform = (2 * torch.rand(count, 3, generator=generator) - 1) * torch.tensor([40.0, 90.0, 110.0])
        wide = torch.rand(count, 3, generator=generator) < torch.tensor([0.3, 0.5, 0.2])
        return torch.where(wide, uniform, normal) * (math.pi / 180)
