"""Fusing: 3D labels from hands, a network and the face model, by one fit to all evidence on a face.

Hands mark x and y of visible points. These differ from the face model's vertices by a constant offset of each
markup, which a fit without it would mistake for pitch. So the fit to all evidence (:mod:`.face_fit`) and the
measuring of the markups' offsets (:mod:`.markup_offset`) alternate. Labels are in iBUG's markup: its
hand-made x and y where there are any, the fit moved by iBUG's offset everywhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from face_alignment_3d.markup import FROM_68, INNER, JAW, MIRROR, MIRROR_68, NUM_LANDMARKS
from face_alignment_3d.training.data.datasets.face_sets import (
    AFLW_MIRROR,
    HAND_LABELLED,
    OCCLUDED,
    SEEN,
    FaceSet,
    aflw_picks,
    open_hand_labelled,
)
from face_alignment_3d.training.data.face_model import FaceModel, load_face_model
from face_alignment_3d.training.labels.agreement import NetworkPoints, disagreement, far_jaw
from face_alignment_3d.training.labels.evidence import ABSENT, Evidence, Floats
from face_alignment_3d.training.labels.face_fit import FaceFits, fit_faces, predicted_fits
from face_alignment_3d.training.labels.label_composer import NETWORK_KIND, Fusion, LabelComposer
from face_alignment_3d.training.labels.markup_offset import markup_offset

# What points may be off by, in face radii.
_IBUG, _IBUG_JAW = 0.025, 0.06
_MERL, _MERL_OCCLUDED, _MERL_JAW_FACTOR = 0.03, 0.08, 2.0
_AFLW = 0.03
_NETWORK = 0.03
#: Jaw points tell a markup's offset on faces that are turned by less.
_FRONTAL_YAW: Final = 15.0
#: A network's points count fully up to this median distance from the hand's, in face radii, and not at all
#: from the second on.
_AGREES, _DISAGREES = 0.06, 0.16
#: Spread of a network's views, in face radii, beyond which a point is doubted.
_STEADY: Final = 0.02


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
    offsets.setdefault(NETWORK_KIND, offsets["ibug"][FROM_68])
    labels, first = {}, 0
    for each in sets:
        chosen = slice(first, first + len(each))
        labels[each.name] = LabelComposer(
            each, chosen, fits, by_kind, offsets, network.get(each.name)
        ).labels()
        first += len(each)
    return FusedSets(labels, offsets)


def evaluation_labels(data: Path, faces: FaceSet) -> Fusion:
    """Labels of a hand-labelled set that is not trained on, fused beside those below ``data`` that are.

    The others determine the markup's offset; no network is used. A quarter of a minute for AFW.
    """
    sets = [replace(open_hand_labelled(data, name), name=f"training {name}") for name in HAND_LABELLED]
    return fuse([*sets, faces], {}, load_face_model(data), rounds=2).sets[faces.name]


def _evidence(
    sets: Sequence[FaceSet], network: Mapping[str, NetworkPoints], start: FaceFits
) -> list[Evidence]:
    """All evidence in 2D, each kind over the faces of all sets."""
    yaw = start.yaw()
    count = sum(len(each) for each in sets)
    starts = np.cumsum([0, *(len(each) for each in sets)])
    everywhere = {each.name: slice(a, b) for each, a, b in zip(sets, starts, starts[1:], strict=False)}
    frontal = np.abs(yaw) < _FRONTAL_YAW
    tells = np.ones((count, 68), dtype=bool)
    tells[:, JAW] = frontal[:, None]

    ibug, ibug_std = np.zeros((count, 68, 2)), np.full((count, 68), ABSENT)
    merl, merl_std = np.zeros((count, 68, 2)), np.full((count, 68), ABSENT)
    merl_tells = np.zeros((count, 68), dtype=bool)
    aflw, aflw_std = np.zeros((count, 21, 2)), np.full((count, 21), ABSENT)
    for each in sets:
        here = everywhere[each.name]
        if each.ibug68 is not None:
            ibug[here] = each.ibug68
            std = np.full((len(each), 68), _IBUG)
            std[:, JAW] = np.where(far_jaw(yaw[here]), ABSENT, _IBUG_JAW)
            ibug_std[here] = std
        if each.merl68 is not None and each.merl_state is not None:
            merl[here] = np.nan_to_num(each.merl68)
            marked = np.isfinite(each.merl68).all(axis=-1)
            std = np.full((len(each), 68), ABSENT)
            std[marked & (each.merl_state == SEEN)] = _MERL
            std[marked & (each.merl_state == OCCLUDED)] = _MERL_OCCLUDED
            std[:, JAW] *= _MERL_JAW_FACTOR
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
        found.append(Evidence(NETWORK_KIND, points, std, np.eye(68)[FROM_68], MIRROR, tells66))
    return found
