"""Composing the labels of one set from hands, a network and the fit of the face model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import FROM_68, INNER, JAW, NUM_LANDMARKS
from face_alignment_3d.training.data.datasets.face_sets import OCCLUDED, SEEN, FaceSet
from face_alignment_3d.training.labels.agreement import (
    FAR_SIDE_YAW,
    NetworkPoints,
    disagreement,
    far_jaw,
    median_distance,
)
from face_alignment_3d.training.labels.evidence import Evidence, Floats
from face_alignment_3d.training.labels.face_fit import FaceFits

#: The kind of the evidence that is a network's points.
NETWORK_KIND: Final = "network"
_INNER_68: Final = slice(17, 68)
#: Distances between fit and hand-made points, in face radii: from the first on a label counts less,
#: from the second on not at all. And the same between a network and 3DDFA_V2 where no hand has marked.
_RESIDUAL, _MAX_RESIDUAL = 0.11, 0.17
_APART, _MAX_APART = 0.07, 0.12


@dataclass(frozen=True, eq=False)
class Fusion:
    """The labels of the faces of one set, with measures of the fit."""

    points: npt.NDArray[np.float32]
    """(N, 66, 3) in pixels of the photo; z has zero mean."""
    weight_xy: npt.NDArray[np.float32]
    """(N, 66): the weight of x and y; 1 is a careful hand."""
    weight_z: npt.NDArray[np.float32]
    """(N, 66)"""
    visible: npt.NDArray[np.float32]
    """(N, 66): 1 where the landmark can be seen."""
    weight_visible: npt.NDArray[np.float32]
    """(N, 66): 1 where a person has labelled ``visible``, else 0."""
    yaw: npt.NDArray[np.float32]
    """(N,) degrees of the fit."""
    pitch: npt.NDArray[np.float32]
    """(N,) degrees of the fit."""
    residual: npt.NDArray[np.float32]
    """(N,): the remaining distance between fit and hand, or between network and 3DDFA_V2, in face radii."""


class LabelComposer:
    """Puts the labels of one set together: from hands, the network and the fit, point by point."""

    def __init__(
        self,
        faces: FaceSet,
        chosen: slice,
        fits: FaceFits,
        evidence: Mapping[str, Evidence],
        offsets: Mapping[str, Floats],
        network: NetworkPoints | None,
    ) -> None:
        self._faces, self._chosen, self._evidence = faces, chosen, evidence
        self._ibug = offsets["ibug"]
        self._fit = fits.points(self._ibug)[chosen]
        self._radius = fits.radius[chosen]
        self._yaw, self._pitch = fits.yaw()[chosen], fits.pitch()[chosen]
        self._fits, self._offsets = fits, offsets
        self._network = self._spread = None
        if network is not None:
            moved = fits.in_image(self._ibug[FROM_68] - offsets[NETWORK_KIND])[chosen]
            self._network = np.full((len(faces), 68, 2), np.nan)
            self._network[:, FROM_68] = network.points[..., :2] + moved
            self._spread = np.full((len(faces), 68), np.inf)
            self._spread[:, FROM_68] = network.spread / self._radius[:, None]

    def labels(self) -> Fusion:
        """The labels of the set."""
        count = len(self._faces)
        xy = self._fit[..., :2].copy()
        weight = np.full((count, 68), 0.6)
        weight[:, JAW] = 0.4
        visible, looked = np.zeros((count, 68)), np.zeros((count, 68))
        marked = np.zeros(count, dtype=bool)
        residual = np.full(count, np.nan)
        if self._faces.ibug68 is not None:
            xy, weight = self._from_ibug(self._faces.ibug68)
            marked[:] = True
            residual = self._distance_left("ibug")
        if self._faces.aflw21 is not None:
            residual = np.fmax(residual, self._distance_left("aflw"))
        if self._faces.merl_state is not None and self._faces.merl68 is not None:
            state = self._faces.merl_state
            some = np.isfinite(self._faces.merl68).any(axis=(1, 2))
            from_merl, weight_merl = self._from_merl(state)
            xy[some], weight[some] = from_merl[some], weight_merl[some]
            marked |= some
            visible[some], looked[some] = (state == SEEN)[some], 1.0
            residual = np.fmax(residual, self._distance_left("merl"))
        if self._network is not None:
            share = self._share_of_network(self._network)
            share[marked] = 0.0
            own = np.nan_to_num(self._network)
            xy = share[..., None] * own + (1 - share[..., None]) * xy
        by_hand = np.isfinite(residual)
        trust = np.clip((_MAX_RESIDUAL - residual) / (_MAX_RESIDUAL - _RESIDUAL), 0, 1)
        if self._spread is not None and self._network is not None:
            unhanded = ~by_hand
            weight[unhanded] = self._weight_of_network(self._spread)[unhanded]
            apart = 0.8 * median_distance(
                self._network[:, FROM_68][:, INNER],
                self._faces.predicted[:, FROM_68][:, INNER, :2],
                self._radius,
            )
            residual = np.where(by_hand, residual, apart)
            trust = np.where(by_hand, trust, np.clip((_MAX_APART - apart) / (_MAX_APART - _APART), 0, 1))
        elif not by_hand.all():
            trust, weight = np.where(by_hand, trust, 1.0), np.where(by_hand[:, None], weight, 0.3)
        points = np.concatenate([xy, self._fit[..., 2:]], axis=-1)[:, FROM_68]
        points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
        weight_z = trust * np.where(by_hand, 1.0, 0.6)
        return Fusion(
            points.astype(np.float32),
            (weight * trust[:, None])[:, FROM_68].astype(np.float32),
            np.repeat(weight_z[:, None], NUM_LANDMARKS, axis=1).astype(np.float32),
            visible[:, FROM_68].astype(np.float32),
            looked[:, FROM_68].astype(np.float32),
            self._yaw.astype(np.float32),
            self._pitch.astype(np.float32),
            np.nan_to_num(residual).astype(np.float32),
        )

    def _from_ibug(self, hand: Floats) -> tuple[Floats, Floats]:
        """Inner points from the hand; the jaw of a turned head half from the fit, and its far side wholly."""
        xy = self._fit[..., :2].copy()
        xy[:, _INNER_68] = hand[:, _INNER_68]
        far = far_jaw(self._yaw)
        share = self._share_of_fit_in_jaw()[:, None, None]
        near = (1 - share) * hand[:, JAW] + share * xy[:, JAW]
        xy[:, JAW] = np.where(far[..., None], xy[:, JAW], near)
        weight = np.ones((len(hand), 68))
        turned = (np.abs(self._yaw) > FAR_SIDE_YAW)[:, None]
        weight[:, JAW] = np.where(far, 0.4, np.where(turned, 0.6, 1.0))
        return xy, weight

    def _from_merl(self, state: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """The hand's points in iBUG's markup, averaged with the network's where these are near."""
        evidence = self._evidence["merl"]
        moved = self._fits.in_image(self._ibug - self._offsets["merl"])
        hand = (self._fits.registered(evidence) + moved)[self._chosen]
        fit = self._fit[..., :2]
        seen, occluded = state == SEEN, state == OCCLUDED
        xy = hand.copy()
        if self._network is not None:
            near = np.linalg.norm(self._network - hand, axis=-1) < 0.06 * self._radius[:, None]
            near[:, JAW] = False
            xy = np.where(near[..., None], 0.7 * hand + 0.3 * np.nan_to_num(self._network), hand)
        share = self._share_of_fit_in_jaw()[:, None, None]
        xy[:, JAW] = (1 - share) * hand[:, JAW] + share * fit[:, JAW]
        xy = np.where(seen[..., None], xy, np.where(occluded[..., None], (hand + fit) / 2, fit))
        weight = np.where(seen, 0.9, 0.4)
        weight[:, JAW] *= np.where(np.abs(self._yaw) > FAR_SIDE_YAW, 0.7, 1.0)[:, None]
        return xy, weight

    def _share_of_fit_in_jaw(self) -> Floats:
        """(N,): the weight of the fit in the jaw, which rises with the yaw to a half.

        The outline that a hand marks leaves the jaw line slowly.
        """
        share: Floats = 0.5 * np.clip((np.abs(self._yaw) - 10) / 15, 0, 1)
        return share

    def _share_of_network(self, network: Floats) -> Floats:
        """(N, 68): the network's weight in x and y of faces without 68 hand-made points."""
        known = np.isfinite(network[..., 0])
        if self._faces.aflw21 is not None:
            own = NetworkPoints(network[:, FROM_68], np.zeros((len(self._faces), NUM_LANDMARKS)))
            apart = disagreement(self._faces, own, self._radius)
            share = np.repeat(0.5 * np.clip((0.11 - apart) / 0.05, 0, 1)[:, None], 68, axis=1)
            far = np.linalg.norm(np.nan_to_num(network) - self._fit[..., :2], axis=-1)
            known &= far < 0.1 * self._radius[:, None]
        else:
            share = np.repeat(np.clip((65 - np.abs(self._yaw)) / 30, 0.5, 1)[:, None], 68, axis=1)
        share[:, JAW] = 0.0
        return np.where(known, share, 0.0)

    def _weight_of_network(self, spread: Floats) -> Floats:
        """(N, 68): the weight of the network's points, which falls with the spread of its views."""
        weight: Floats = np.clip(0.7 * (1 - 0.6 * np.clip(spread / 0.045, 0, 1)), 0.1, 0.7)
        return weight

    def _distance_left(self, kind: str) -> Floats:
        """(N,): mean distance between the fit and the inner hand-made points, in face radii; NaN for none."""
        evidence = self._evidence[kind]
        expected = np.einsum("kp,npd->nkd", evidence.picks, self._fits.points()[..., :2])
        expected += self._fits.in_image(self._offsets[kind])
        distance = np.linalg.norm(self._fits.registered(evidence) - expected, axis=-1)[self._chosen]
        used = evidence.present()[self._chosen].copy()
        if kind == "merl":
            used &= evidence.tells_offset[self._chosen]
        if evidence.picks.shape[0] == 68:
            used[:, JAW] = False
        total = np.where(used, distance, 0).sum(axis=1)
        count = used.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1) / self._radius, np.nan)
