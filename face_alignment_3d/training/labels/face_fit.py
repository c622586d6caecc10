"""Fitting the linear face model to all evidence on a face, for all faces at once.

Each face has a pose (scaled orthographic) and coefficients. The fit minimizes the sum of

- the distances to the 2D points of every :class:`.evidence.Evidence`, moved by its markup's offset in the
  head's frame;
- the distances to 68 points in 3D from another network (with a low weight: its shape is that of the same
  model, but it has a network's errors);
- the Gaussian prior of the coefficients.

Distances count as in a pseudo-Huber loss, so that an outlier pulls with a constant force.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.face_model import FaceModel, fit_coefficients
from face_alignment_3d.training.labels.evidence import Evidence, Floats

#: The standard deviation of the 3D prediction's points along an axis, in face radii.
_PREDICTION_STD: Final = 0.10
#: Standard deviations of the logarithm of the scale, and of the shift in face radii, of unregistered points.
_REGISTRATION_STD: Final = 0.04
#: Distances beyond so many standard deviations count linearly.
_LINEAR_FROM: Final = 2.0
_BATCH: Final = 3000
_POSE_RATE, _COEFFICIENT_RATE = 0.02, 0.08


@dataclass(frozen=True, eq=False)
class FaceFits:
    """The fits to N faces. Frame: x right, y down, z away from the camera, pixels of the photos."""

    shape: Floats
    """(N, 68, 3): the faces without pose, in units of the mean face's radius."""
    rotation: Floats
    """(N, 3, 3), determinant +1."""
    scale: Floats
    """(N,): pixels per unit."""
    translation: Floats
    """(N, 2): pixels."""
    radius: Floats
    """(N,): root mean square distance of the predicted points from their center, pixels: the unit of the
    standard deviations."""
    center: Floats
    """(N, 2): that center."""
    registration: Mapping[str, Floats]
    """Kind -> (N, 3): logarithm of the scale, and shift in radii, of unregistered evidence."""

    def points(self, offset: Floats | None = None) -> Floats:
        """(N, 68, 3): the model's points, or those of a markup that is off by ``offset`` (68, 2).

        z follows from the pose; its origin is arbitrary.
        """
        shape = self.shape if offset is None else self.shape + np.pad(offset, ((0, 0), (0, 1)))
        posed: Floats = np.einsum("nij,npj->npi", self.rotation, shape) * self.scale[:, None, None]
        posed[..., :2] += self.translation[:, None]
        return posed

    def in_image(self, offset: Floats) -> Floats:
        """(N, K, 2): an offset (K, 2) in the head's frame, in pixels of each photo."""
        moved: Floats = np.einsum("nij,kj->nki", self.rotation[:, :2, :2], offset) * self.scale[:, None, None]
        return moved

    def registered(self, evidence: Evidence) -> Floats:
        """(N, K, 2): the points of ``evidence`` in pixels of the photos."""
        if evidence.kind not in self.registration:
            return evidence.points
        change = self.registration[evidence.kind]
        center, radius = self.center[:, None], self.radius[:, None, None]
        unit = (evidence.points - center) / radius * np.exp(change[:, None, :1]) + change[:, None, 1:]
        return unit * radius + center

    def pitch(self) -> Floats:
        """(N,) degrees, positive where the nose points down."""
        turn = self.rotation
        side = np.where(turn[:, 2, 2] < 0, -1.0, 1.0)
        pitch: Floats = np.degrees(np.arctan2(side * turn[:, 2, 1], side * turn[:, 2, 2]))
        return pitch

    def yaw(self) -> Floats:
        """(N,) degrees, positive where the nose points to the image's right."""
        turn = self.rotation
        side = np.where(turn[:, 2, 2] < 0, -1.0, 1.0)
        yaw: Floats = np.degrees(np.arctan2(turn[:, 2, 0], side * np.hypot(turn[:, 2, 1], turn[:, 2, 2])))
        return yaw


def predicted_fits(model: FaceModel, predicted: Floats) -> FaceFits:
    """The fits that reproduce a network's 3D points (N, 68, 3): the start of fusing."""
    unit = model.radius()
    shapes = model.shapes(fit_coefficients(model, predicted))
    shapes -= model.mean.mean(axis=0)
    scale, rotation, translation = umeyama(shapes, predicted)
    center, radius = center_and_radius(predicted)
    return FaceFits(shapes / unit, rotation, scale * unit, translation[:, :2], radius, center, {})


def center_and_radius(points: Floats) -> tuple[Floats, Floats]:
    """Center (N, 2) in x, y and root mean square distance from it (N,) of points (N, P, 3)."""
    centered = points - points.mean(axis=1, keepdims=True)
    radius: Floats = np.sqrt(np.square(centered).sum(axis=-1).mean(axis=1))
    return points[..., :2].mean(axis=1), radius


def fit_faces(
    model: FaceModel,
    predicted: Floats,
    evidence: Sequence[Evidence],
    offsets: Mapping[str, Floats],
    *,
    steps: int = 150,
) -> FaceFits:
    """Fits ``model`` to N faces: Adam, from the fits to ``predicted`` (N, 68, 3), a network's points.

    ``offsets`` are (K, 2) for each kind of evidence, in units of the mean face's radius. About 7 seconds for
    3,000 faces on two cores.
    """
    start = predicted_fits(model, predicted)
    parts = [
        _fit(model, start, predicted, evidence, offsets, slice(first, first + _BATCH), steps)
        for first in range(0, len(predicted), _BATCH)
    ]
    kinds = [each.kind for each in evidence if not each.registered]
    return FaceFits(
        np.concatenate([part.shape for part in parts]),
        np.concatenate([part.rotation for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.translation for part in parts]),
        np.concatenate([part.radius for part in parts]),
        np.concatenate([part.center for part in parts]),
        {kind: np.concatenate([part.registration[kind] for part in parts]) for kind in kinds},
    )


def _fit(
    model: FaceModel,
    start: FaceFits,
    predicted: Floats,
    evidence: Sequence[Evidence],
    offsets: Mapping[str, Floats],
    chosen: slice,
    steps: int,
) -> FaceFits:
    radius, center = start.radius[chosen, None, None], start.center[chosen, None]
    count = len(radius)
    basis = _LatentBasis(model)
    target = _tensor((predicted[chosen] - np.pad(center, ((0, 0), (0, 0), (0, 1)))) / radius)
    target[..., 2] -= target[..., 2].mean(dim=1, keepdim=True)
    rotation0 = _tensor(start.rotation[chosen])
    turn = torch.zeros(count, 3, requires_grad=True)
    log_scale = _tensor(np.log(start.scale[chosen] / radius[:, 0, 0])).requires_grad_(True)
    shift = _tensor((start.translation[chosen] - center[:, 0]) / radius[:, 0]).requires_grad_(True)
    depth = torch.zeros(count, requires_grad=True)
    latent = _tensor(basis.latent_of(start.shape[chosen])).requires_grad_(True)
    terms = [_Term(each, offsets[each.kind], chosen, center, radius) for each in evidence]
    optimizer = torch.optim.Adam(
        [
            {"params": [turn, log_scale, shift, depth, *(t.change for t in terms)], "lr": _POSE_RATE},
            {"params": [latent], "lr": _COEFFICIENT_RATE},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.02
    )
    for _ in range(steps):
        optimizer.zero_grad()
        rotation = _rotation(turn) @ rotation0
        scale = log_scale.exp()[:, None, None]
        posed = torch.einsum("nij,npj->npi", rotation, basis.shapes(latent)) * scale
        xy, z = posed[..., :2] + shift[:, None], posed[..., 2] + depth[:, None]
        apart = torch.cat([xy - target[..., :2], (z - target[..., 2])[..., None]], dim=-1)
        loss = 0.5 * latent.square().sum(dim=1)
        loss = loss + _robust(apart.square().sum(dim=-1) / _PREDICTION_STD**2).sum(dim=1)
        for term in terms:
            loss = loss + term.loss(xy, rotation[:, :2, :2] * scale)
        torch.autograd.backward(loss.sum())
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return FaceFits(
            basis.shapes(latent).double().numpy(),
            (_rotation(turn) @ rotation0).double().numpy(),
            log_scale.exp().double().numpy() * radius[:, 0, 0],
            shift.double().numpy() * radius[:, 0] + center[:, 0],
            radius[:, 0, 0],
            center[:, 0],
            {term.kind: term.change.double().numpy() for term in terms if not term.registered},
        )


class _LatentBasis:
    """The model's shapes in units of its radius, from coefficients with a standard normal prior."""

    def __init__(self, model: FaceModel) -> None:
        unit = model.radius()
        factor = np.linalg.cholesky(model.prior_covariance + 1e-9 * np.eye(len(model.prior_mean)))
        mean = model.shapes(model.prior_mean[None])[0] - model.mean.mean(axis=0)
        self._mean = _tensor(mean / unit)
        self._basis = _tensor(np.einsum("jk,jpd->kpd", factor, model.basis) / unit)
        self._inverse = np.linalg.pinv(self._basis.double().flatten(1).numpy())

    def shapes(self, latent: torch.Tensor) -> torch.Tensor:
        """Coefficients (N, K) -> shapes (N, 68, 3)."""
        return self._mean + torch.einsum("nk,kpd->npd", latent, self._basis)

    def latent_of(self, shapes: Floats) -> Floats:
        """(N, 68, 3), made by the model -> (N, K), a little nearer to the prior's mean."""
        apart = shapes - self._mean.double().numpy()
        latent: Floats = 0.9 * np.clip(apart.reshape(len(shapes), -1) @ self._inverse, -4, 4)
        return latent


class _Term:
    """The loss of one evidence on some of the faces."""

    def __init__(
        self, evidence: Evidence, offset: Floats, chosen: slice, center: Floats, radius: Floats
    ) -> None:
        self.kind, self.registered = evidence.kind, evidence.registered
        present = evidence.present()[chosen]
        points = (evidence.points[chosen] - center) / radius
        self._points = _tensor(np.where(present[..., None], points, 0.0))
        self._precision = _tensor(np.where(present, np.square(evidence.std[chosen]) ** -1.0, 0.0))
        self._picks, self._offset = _tensor(evidence.picks), _tensor(offset)
        self.change = torch.zeros(len(points), 3, requires_grad=True)

    def loss(self, xy: torch.Tensor, turned: torch.Tensor) -> torch.Tensor:
        """(N,) for the model's x, y (N, 68, 2); ``turned`` (N, 2, 2) takes the head's x, y to the picture."""
        expected = torch.einsum("kp,npd->nkd", self._picks, xy)
        expected = expected + torch.einsum("nij,kj->nki", turned, self._offset)
        points = self._points
        if not self.registered:
            points = points * self.change[:, None, :1].exp() + self.change[:, None, 1:]
        distance = (expected - points).square().sum(dim=-1) * self._precision
        loss = _robust(distance).sum(dim=1)
        return loss + 0.5 * (self.change / _REGISTRATION_STD).square().sum(dim=1)


def _robust(squared: torch.Tensor) -> torch.Tensor:
    """Half the squared distance in standard deviations, growing linearly far out (pseudo-Huber)."""
    limit = _LINEAR_FROM**2
    return limit * ((1 + squared / limit).sqrt() - 1)


def _rotation(turn: torch.Tensor) -> torch.Tensor:
    """(N, 3) rotation vectors -> (N, 3, 3) (Rodrigues)."""
    squared = turn.square().sum(dim=-1, keepdim=True).clamp_min(1e-12)
    angle = squared.sqrt()
    x, y, z = turn.unbind(dim=-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).view(-1, 3, 3)
    sine, cosine = (angle.sin() / angle)[..., None], ((1 - angle.cos()) / squared)[..., None]
    return torch.eye(3) + sine * cross + cosine * (cross @ cross)


def _tensor(array: Floats) -> torch.Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
