"""Fusing: 3D labels from hands, a network and the face model, one fit for all that is known of a face.

Hands mark x and y of what they see. Their points lie elsewhere than the face model's vertices, by a constant
of each markup, which a fit that does not know of it takes for pitch. So the fit to all evidence
(:mod:`.face_fit`) and the measuring of the markups' offsets (:mod:`.markup_offset`) take turns. Labels are in
iBUG's markup: its hand-made x and y where there are any, the fit moved by iBUG's offset everywhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import FROM_68, INNER, MIRROR, MIRROR_68, NUM_LANDMARKS
from face_alignment_3d.training.data.datasets.face_sets import (
    AFLW_MIRROR,
    HAND_LABELLED,
    OCCLUDED,
    SEEN,
    FaceSet,
    aflw_picks,
    open_hand_labelled,
)
from face_alignment_3d.training.labels.evidence import ABSENT, Evidence, Floats
from face_alignment_3d.training.labels.face_fit import FaceFits, fit_faces, predicted_fits
from face_alignment_3d.training.labels.face_model import FaceModel, load_face_model
from face_alignment_3d.training.labels.markup_offset import markup_offset

Mask = npt.NDArray[np.bool_]

_JAW: Final = slice(0, 17)
_INNER_68: Final = slice(17, 68)
# What points may be off by, in face radii.
_IBUG, _IBUG_JAW = 0.025, 0.06
_MERL, _MERL_OCCLUDED, _MERL_JAW_FACTOR = 0.03, 0.08, 2.0
_AFLW = 0.03
_NETWORK = 0.03
#: From this yaw on, degrees, the outline that a hand marks on the far side is no longer the jaw line.
_FAR_SIDE_YAW: Final = 13.0
#: Jaw points tell a markup's offset on faces that are turned by less.
_FRONTAL_YAW: Final = 15.0
#: A network's points count fully up to this median distance from the hand's, in face radii, and not at all
#: from the second on.
_AGREES, _DISAGREES = 0.06, 0.16
#: Spread of a network's views, in face radii, beyond which a point is doubted.
_STEADY: Final = 0.02
#: What remains between a fit and the hand-made points, in face radii: from the first on a label counts less,
#: from the second on not at all. And the same between a network and 3DDFA_V2 where no hand has marked.
_RESIDUAL, _MAX_RESIDUAL = 0.11, 0.17
_APART, _MAX_APART = 0.07, 0.12


@dataclass(frozen=True, eq=False)
class NetworkPoints:
    """What a trained network says of N faces, as the mean over several views."""

    points: Floats
    """(N, 66, 3) in pixels of the photo."""
    spread: Floats
    """(N, 66): mean distance of the views from their mean in x, y, pixels."""


@dataclass(frozen=True, eq=False)
class Fusion:
    """Labels of the faces of one set, and how they came about."""

    points: npt.NDArray[np.float32]
    """(N, 66, 3) in pixels of the photo; z has zero mean."""
    weight_xy: npt.NDArray[np.float32]
    """(N, 66): how far x and y are to be believed; 1 is a careful hand."""
    weight_z: npt.NDArray[np.float32]
    """(N, 66)"""
    visible: npt.NDArray[np.float32]
    """(N, 66): 1 where the landmark can be seen."""
    weight_visible: npt.NDArray[np.float32]
    """(N, 66): 1 where somebody looked, else 0."""
    yaw: npt.NDArray[np.float32]
    """(N,) degrees of the fit."""
    pitch: npt.NDArray[np.float32]
    """(N,) degrees of the fit."""
    residual: npt.NDArray[np.float32]
    """(N,): what remains between fit and hand, or between network and 3DDFA_V2, in face radii."""


@dataclass(frozen=True, eq=False)
class FusedSets:
    """The labels of several sets, by name, and the offsets that they share."""

    sets: Mapping[str, Fusion]
    offsets: Mapping[str, Floats]
    """Markup -> (K, 2): its points minus the model's in the head's frame, in radii of the mean face."""


def fuse(
    sets: Sequence[FaceSet],
    network: Mapping[str, NetworkPoints],
    model: FaceModel,
    *,
    rounds: int = 3,
) -> FusedSets:
    """Labels of all faces of ``sets``.

    ``network`` has a network's points, by set; it is empty before there is a first network. A minute
    a round for 25,000 faces on two cores.
    """
    predicted = np.concatenate([each.predicted for each in sets])
    start = predicted_fits(model, predicted)
    evidence = _evidence(sets, network, start)
    offsets = {each.kind: markup_offset(start, each) for each in evidence}
    for _ in range(rounds):
        fits = fit_faces(model, predicted, evidence, offsets)
        offsets = {each.kind: markup_offset(fits, each) for each in evidence}
    fits = fit_faces(model, predicted, evidence, offsets)
    by_kind = {each.kind: each for each in evidence}
    offsets.setdefault(_NETWORK_KIND, offsets["ibug"][FROM_68])
    labels, first = {}, 0
    for each in sets:
        chosen = slice(first, first + len(each))
        labels[each.name] = _Composer(each, chosen, fits, by_kind, offsets, network.get(each.name)).labels()
        first += len(each)
    return FusedSets(labels, offsets)


def evaluation_labels(data: Path, faces: FaceSet) -> Fusion:
    """Labels of a hand-labelled set that is not trained on, fused beside those below ``data`` that are.

    The others tell the markup's offset; no network is asked. A quarter of a minute for AFW.
    """
    sets = [replace(open_hand_labelled(data, name), name=f"training {name}") for name in HAND_LABELLED]
    return fuse([*sets, faces], {}, load_face_model(data), rounds=2).sets[faces.name]


_NETWORK_KIND: Final = "network"


def _evidence(
    sets: Sequence[FaceSet], network: Mapping[str, NetworkPoints], start: FaceFits
) -> list[Evidence]:
    """Everything in 2D, each kind over the faces of all sets."""
    yaw = start.yaw()
    count = sum(len(each) for each in sets)
    starts = np.cumsum([0, *(len(each) for each in sets)])
    everywhere = {each.name: slice(a, b) for each, a, b in zip(sets, starts, starts[1:], strict=False)}
    frontal = np.abs(yaw) < _FRONTAL_YAW
    tells = np.ones((count, 68), dtype=bool)
    tells[:, _JAW] = frontal[:, None]

    ibug, ibug_std = np.zeros((count, 68, 2)), np.full((count, 68), ABSENT)
    merl, merl_std = np.zeros((count, 68, 2)), np.full((count, 68), ABSENT)
    merl_tells = np.zeros((count, 68), dtype=bool)
    aflw, aflw_std = np.zeros((count, 21, 2)), np.full((count, 21), ABSENT)
    for each in sets:
        here = everywhere[each.name]
        if each.ibug68 is not None:
            ibug[here] = each.ibug68
            std = np.full((len(each), 68), _IBUG)
            std[:, _JAW] = np.where(far_jaw(yaw[here]), ABSENT, _IBUG_JAW)
            ibug_std[here] = std
        if each.merl68 is not None and each.merl_state is not None:
            merl[here] = np.nan_to_num(each.merl68)
            marked = np.isfinite(each.merl68).all(axis=-1)
            std = np.full((len(each), 68), ABSENT)
            std[marked & (each.merl_state == SEEN)] = _MERL
            std[marked & (each.merl_state == OCCLUDED)] = _MERL_OCCLUDED
            std[:, _JAW] *= _MERL_JAW_FACTOR
            merl_std[here] = std
            merl_tells[here] = (each.merl_state == SEEN) & tells[here]
        if each.aflw21 is not None:
            aflw[here] = np.nan_to_num(each.aflw21)
            std = np.where(np.isfinite(each.aflw21).all(axis=-1), _AFLW, ABSENT)
            std[:, aflw_picks().sum(axis=1) == 0] = ABSENT
            std[:, 20] *= 1.5  # A chin has no edge to mark.
            aflw_std[here] = std
    found = [
        Evidence("ibug", ibug, ibug_std, np.eye(68), MIRROR_68, tells),
        Evidence("merl", merl, merl_std, np.eye(68), MIRROR_68, merl_tells, registered=False),
        Evidence("aflw", aflw, aflw_std, aflw_picks(), AFLW_MIRROR, np.isfinite(aflw_std)),
    ]
    if network:
        points, std = np.zeros((count, NUM_LANDMARKS, 2)), np.full((count, NUM_LANDMARKS), ABSENT)
        for each in sets:
            if (own := network.get(each.name)) is not None:
                here = everywhere[each.name]
                radius = start.radius[here]
                points[here] = own.points[..., :2]
                apart = disagreement(each, own, radius)
                trusted = np.where(
                    apart < _DISAGREES, _NETWORK * np.maximum(1, apart / _AGREES) ** 1.5, ABSENT
                )
                if each.ibug68 is not None:
                    trusted = 2 * trusted  # It learned from these hands, and has nothing to add to them.
                unsteady = np.clip(own.spread / radius[:, None] / _STEADY, 1, 3)
                std[here, INNER] = trusted[:, None] * unsteady[:, INNER]
        tells66 = np.ones((count, NUM_LANDMARKS), dtype=bool)
        found.append(Evidence(_NETWORK_KIND, points, std, np.eye(68)[FROM_68], MIRROR, tells66))
    return found


def far_jaw(yaw: Floats) -> Mask:
    """(N,) degrees -> (N, 17): jaw points that a turned head hides; the outline seen there is the cheek's."""
    side = np.arange(17)
    # A nose that points to the image's right (positive yaw) hides the subject's left: points 8 to 16.
    hidden: Mask = np.where(yaw[:, None] > 0, side > 7, side < 9) & (np.abs(yaw) > _FAR_SIDE_YAW)[:, None]
    return hidden


def disagreement(faces: FaceSet, network: NetworkPoints, radius: Floats) -> Floats:
    """(N,): median distance of a network's inner points from each kind of hand-made ones, the largest, in
    face radii; from 3DDFA_V2's, four fifths of it, where no hand has marked."""
    own = network.points[..., :2]
    found = []
    if faces.ibug68 is not None:
        found.append(_median_distance(own[:, INNER], faces.ibug68[:, FROM_68][:, INNER], radius))
    if faces.merl68 is not None and faces.merl_state is not None:
        seen = np.where((faces.merl_state == SEEN)[..., None], faces.merl68, np.nan)
        found.append(_median_distance(own[:, INNER], seen[:, FROM_68][:, INNER], radius))
    if faces.aflw21 is not None:
        picks = aflw_picks()[:, FROM_68]
        total = picks.sum(axis=1, keepdims=True)
        # The chin belongs to the jaw, and of the mouth's center half a pick is left, which is as good.
        usable = np.flatnonzero((total[:, 0] > 0) & (np.arange(21) != 20))
        picked = np.einsum("kp,npd->nkd", (picks / np.maximum(total, 1e-9))[usable], own)
        found.append(_median_distance(picked, faces.aflw21[:, usable], radius))
    predicted = _median_distance(own[:, INNER], faces.predicted[:, FROM_68][:, INNER, :2], radius)
    if not found:
        return 0.8 * predicted
    largest = np.nanmax(np.stack([*found, np.full(len(faces), -1.0)]), axis=0)
    return np.where(largest < 0, 0.8 * predicted, largest)


def _median_distance(first: Floats, second: Floats, radius: Floats) -> Floats:
    """(N,): NaN where a face has no points."""
    distance = np.linalg.norm(first - second, axis=-1) / radius[:, None]
    result = np.full(len(first), np.nan)
    some = np.isfinite(distance).any(axis=1)
    result[some] = np.nanmedian(distance[some], axis=1)
    return result


class _Composer:
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
            moved = fits.in_image(self._ibug[FROM_68] - offsets[_NETWORK_KIND])[chosen]
            self._network = np.full((len(faces), 68, 2), np.nan)
            self._network[:, FROM_68] = network.points[..., :2] + moved
            self._spread = np.full((len(faces), 68), np.inf)
            self._spread[:, FROM_68] = network.spread / self._radius[:, None]

    def labels(self) -> Fusion:
        """The labels of the set."""
        count = len(self._faces)
        xy = self._fit[..., :2].copy()
        weight = np.full((count, 68), 0.6)
        weight[:, _JAW] = 0.4
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
            share = self._share_of_network()
            share[marked] = 0.0
            own = np.nan_to_num(self._network)
            xy = share[..., None] * own + (1 - share[..., None]) * xy
        by_hand = np.isfinite(residual)
        trust = np.clip((_MAX_RESIDUAL - residual) / (_MAX_RESIDUAL - _RESIDUAL), 0, 1)
        if self._spread is not None and self._network is not None:
            unhanded = ~by_hand
            weight[unhanded] = self._weight_of_network()[unhanded]
            apart = 0.8 * _median_distance(
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
        """Inner points as the hand has them; the jaw of a turned head half, and its far side all the fit."""
        xy = self._fit[..., :2].copy()
        xy[:, _INNER_68] = hand[:, _INNER_68]
        far = far_jaw(self._yaw)
        share = self._share_of_fit_in_jaw()[:, None, None]
        near = (1 - share) * hand[:, _JAW] + share * xy[:, _JAW]
        xy[:, _JAW] = np.where(far[..., None], xy[:, _JAW], near)
        weight = np.ones((len(hand), 68))
        turned = (np.abs(self._yaw) > _FAR_SIDE_YAW)[:, None]
        weight[:, _JAW] = np.where(far, 0.4, np.where(turned, 0.6, 1.0))
        return xy, weight

    def _from_merl(self, state: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """The hand's points in iBUG's markup, with a share of the network where it is near."""
        evidence = self._evidence["merl"]
        moved = self._fits.in_image(self._ibug - self._offsets["merl"])
        hand = (self._fits.registered(evidence) + moved)[self._chosen]
        fit = self._fit[..., :2]
        seen, occluded = state == SEEN, state == OCCLUDED
        xy = hand.copy()
        if self._network is not None:
            near = np.linalg.norm(self._network - hand, axis=-1) < 0.06 * self._radius[:, None]
            near[:, _JAW] = False
            xy = np.where(near[..., None], 0.7 * hand + 0.3 * np.nan_to_num(self._network), hand)
        share = self._share_of_fit_in_jaw()[:, None, None]
        xy[:, _JAW] = (1 - share) * hand[:, _JAW] + share * fit[:, _JAW]
        xy = np.where(seen[..., None], xy, np.where(occluded[..., None], (hand + fit) / 2, fit))
        weight = np.where(seen, 0.9, 0.4)
        weight[:, _JAW] *= np.where(np.abs(self._yaw) > _FAR_SIDE_YAW, 0.7, 1.0)[:, None]
        return xy, weight

    def _share_of_fit_in_jaw(self) -> Floats:
        """(N,): rises with the yaw to a half; the outline that a hand marks leaves the jaw line slowly."""
        share: Floats = 0.5 * np.clip((np.abs(self._yaw) - 10) / 15, 0, 1)
        return share

    def _share_of_network(self) -> Floats:
        """(N, 68): of x and y of faces without 68 hand-made points."""
        assert self._network is not None
        known = np.isfinite(self._network[..., 0])
        if self._faces.aflw21 is not None:
            own = NetworkPoints(self._network[:, FROM_68], np.zeros((len(self._faces), NUM_LANDMARKS)))
            apart = disagreement(self._faces, own, self._radius)
            share = np.repeat(0.5 * np.clip((0.11 - apart) / 0.05, 0, 1)[:, None], 68, axis=1)
            far = np.linalg.norm(np.nan_to_num(self._network) - self._fit[..., :2], axis=-1)
            known &= far < 0.1 * self._radius[:, None]
        else:
            share = np.repeat(np.clip((65 - np.abs(self._yaw)) / 30, 0.5, 1)[:, None], 68, axis=1)
        share[:, _JAW] = 0.0
        return np.where(known, share, 0.0)

    def _weight_of_network(self) -> Floats:
        """(N, 68): less where its views differ."""
        assert self._spread is not None
        weight: Floats = np.clip(0.7 * (1 - 0.6 * np.clip(self._spread / 0.045, 0, 1)), 0.1, 0.7)
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
            used[:, _JAW] = False
        total = np.where(used, distance, 0).sum(axis=1)
        count = used.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1) / self._radius, np.nan)
