"""Lifting: 3D points from 68 hand-made 2D points, by fitting a linear face model."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.markup import JAW
from face_alignment_3d.training.data.face_model import FaceModel

_START_YAWS = (-60.0, -25.0, 0.0, 25.0, 60.0)
_JAW_WEIGHT = 0.2
#: From this yaw on, the outline that a person draws on the far side is no longer the jaw line.
FAR_SIDE_YAW = 12.0


@dataclass(frozen=True, eq=False)
class Lifted:
    """The fits to N faces. Frame: x right, y down, z away from the camera, in pixels of the 2D points."""

    points: npt.NDArray[np.float64]
    """(N, 68, 3), z centered over the 68 points."""
    yaw: npt.NDArray[np.float64]
    """(N,) degrees; positive when the subject's nose points to the image's right, the head held upright."""
    residual: npt.NDArray[np.float64]
    """(N,): mean 2D distance over the 51 inner points, over the root of the face box's area."""
    far_jaw: npt.NDArray[np.bool_]
    """(N, 17): jaw points that the turned head hides."""


def lift(points68: npt.NDArray[np.floating], model: FaceModel, *, steps: int = 400) -> Lifted:
    """Fits ``model`` under scaled orthographic projection to 2D points (N, 68, 2), all faces at once.

    From several starting yaws, gradient descent (Adam) on pose and coefficients with the model's Gaussian
    prior; the start that ends with the least loss is kept. Inner points have full weight, the jaw a low one,
    and the far side's jaw none when the head turns.
    """
    target = torch.from_numpy(np.asarray(points68, dtype=np.float64))
    center = target.mean(dim=1, keepdim=True)
    size = (target - center).square().mean(dim=(1, 2), keepdim=True).sqrt()
    target_unit = (target - center) / size

    starts = len(_START_YAWS)
    count = len(target)
    stacked = target_unit.repeat(starts, 1, 1)
    fit = _Fit(model, stacked, torch.tensor(_START_YAWS).repeat_interleave(count))
    fit.run(steps)
    loss, projected, yaw, far = fit.result()
    best = loss.view(starts, count).argmin(dim=0) * count + torch.arange(count)

    chosen = projected[best]
    points = chosen * size
    points[..., :2] += center
    points[..., 2] -= points[..., 2].mean(dim=1, keepdim=True)
    distance = (points[:, 17:, :2] - target[:, 17:]).norm(dim=-1).mean(dim=1)
    extent = (target.amax(dim=1) - target.amin(dim=1)).prod(dim=1).sqrt()
    return Lifted(points.numpy(), yaw[best].numpy(), (distance / extent).numpy(), far[best].numpy())


class _Fit:
    def __init__(self, model: FaceModel, target: torch.Tensor, start_yaw: torch.Tensor) -> None:
        unit = float(np.sqrt(np.square(model.mean - model.mean.mean(axis=0)).mean()))
        self.mean = torch.from_numpy((model.mean - model.mean.mean(axis=0)) / unit)
        factor = np.linalg.cholesky(model.prior_covariance + 1e-9 * np.eye(len(model.prior_mean)))
        # Coefficients are mean + factor @ latent with a standard normal latent: the prior is a plain square.
        basis = torch.from_numpy(model.basis / unit)
        self.basis = torch.einsum("jk,jpd->kpd", torch.from_numpy(factor), basis)
        self.mean = self.mean + torch.einsum("k,kpd->pd", torch.from_numpy(model.prior_mean), basis)
        self.target = target
        count = len(target)
        self.latent = torch.zeros(count, len(self.basis), dtype=torch.float64, requires_grad=True)
        self.angles = torch.zeros(count, 3, dtype=torch.float64)
        self.angles[:, 1] = torch.deg2rad(start_yaw.double())
        eyes = target[:, 42:48].mean(dim=1) - target[:, 36:42].mean(dim=1)
        self.angles[:, 2] = torch.atan2(eyes[:, 1], eyes[:, 0].abs().clamp_min(1e-3) * eyes[:, 0].sign())
        self.angles.requires_grad_(True)
        self.log_scale = torch.zeros(count, dtype=torch.float64, requires_grad=True)
        self.offset = torch.zeros(count, 2, dtype=torch.float64, requires_grad=True)

    def run(self, steps: int) -> None:
        optimizer = torch.optim.Adam(
            [
                {"params": [self.angles, self.log_scale, self.offset], "lr": 0.03},
                {"params": [self.latent], "lr": 0.1},
            ]
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))) + 0.01
        )
        for _ in range(steps):
            optimizer.zero_grad()
            torch.autograd.backward(self._loss().sum())
            optimizer.step()
            schedule.step()

    def _project(self) -> torch.Tensor:
        shape = self.mean + torch.einsum("nk,kpd->npd", self.latent, self.basis)
        posed = torch.einsum("nij,npj->npi", rotation(self.angles), shape)
        posed = posed * self.log_scale.exp()[:, None, None]
        return torch.cat([posed[..., :2] + self.offset[:, None], posed[..., 2:]], dim=-1)

    def _weights(self) -> tuple[torch.Tensor, torch.Tensor]:
        yaw = torch.rad2deg(self._yaw())
        side = torch.arange(17)
        # A nose that points to the image's right (positive yaw) hides the subject's left: points 9 to 16.
        hidden = torch.where(yaw[:, None] > 0, side > 8, side < 8) & (yaw.abs() > FAR_SIDE_YAW)[:, None]
        weights = torch.ones(len(yaw), 68, dtype=torch.float64)
        weights[:, JAW] = _JAW_WEIGHT * (~hidden)
        return weights, hidden

    def _yaw(self) -> torch.Tensor:
        """(N,) radians in -pi to pi, whatever turns the descent has made."""
        return torch.remainder(self.angles[:, 1].detach() + math.pi, 2 * math.pi) - math.pi

    def _loss(self) -> torch.Tensor:
        weights, _ = self._weights()
        distance = (self._project()[..., :2] - self.target).square().sum(dim=-1)
        # About 1.5 % of the face size is what hands and the model disagree by.
        data = (weights * distance).sum(dim=1) / (2 * 0.03**2)
        return data + 0.5 * self.latent.square().sum(dim=1)

    @torch.no_grad()
    def result(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        _, hidden = self._weights()
        yaw = torch.rad2deg(self._yaw())
        return self._loss(), self._project(), yaw, hidden


def rotation(angles: torch.Tensor) -> torch.Tensor:
    """Pitch about x, then yaw about y, then roll about z: (N, 3) radians -> (N, 3, 3).

    Positive yaw turns the nose to the image's right.
    """
    (sx, sy, sz), (cx, cy, cz) = torch.sin(angles).T, torch.cos(angles).T
    one, zero = torch.ones_like(sx), torch.zeros_like(sx)
    pitch = torch.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx], dim=-1).view(-1, 3, 3)
    yaw = torch.stack([cy, zero, -sy, zero, one, zero, sy, zero, cy], dim=-1).view(-1, 3, 3)
    roll = torch.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one], dim=-1).view(-1, 3, 3)
    return roll @ yaw @ pitch
