"""The quality of predicted visibility: telling visible landmarks from hidden ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.evaluation import metrics
from face_alignment_3d.training.evaluation.truth import HIDDEN, SELF_OCCLUDED, VISIBLE

_BINS: Final = 10
_STATES: Final = MappingProxyType({"visible": VISIBLE, "self-occluded": SELF_OCCLUDED, "hidden": HIDDEN})


@dataclass(frozen=True)
class VisibilityBin:
    """The points with about the same predicted visibility."""

    lowest: float
    highest: float
    points: int
    said: float
    """The mean predicted visibility."""
    seen: float
    """The share of the points that people could see, in [0, 1]."""


@dataclass(frozen=True)
class VisibilityReport:
    """The quality of one prediction of visibility."""

    source: Literal["visibility", "confidence"]
    """The quantity that is taken as predicted visibility. A confidence is no probability: its ``bins`` need
    not be calibrated."""
    points: Mapping[str, int]
    """The numbers of visible, self-occluded and hidden points."""
    auc_self_occluded: float | None
    """The chance that a visible point has a larger value than one that the head itself hides."""
    auc_hidden: float | None
    """The same for points that something else hides."""
    calibration_error: float | None
    """Mean difference between predicted visibility and the share seen, over the points in their bins."""
    bins: tuple[VisibilityBin, ...]


def visibility_report(
    said: npt.NDArray[np.floating],
    state: npt.NDArray[np.int64],
    source: Literal["visibility", "confidence"],
) -> VisibilityReport:
    """The report on predicted visibility (N, 66) in [0, 1], given the states that people marked, (N, 66)."""
    values = said.astype(np.float64)
    of = {name: values[state == kind] for name, kind in _STATES.items()}
    marked = np.isin(state, list(_STATES.values()))
    value, seen = values[marked], state[marked] == VISIBLE
    edges = np.linspace(0, 1, _BINS + 1)
    place = np.clip((value * _BINS).astype(np.int64), 0, _BINS - 1)
    bins = tuple(
        VisibilityBin(
            float(edges[index]),
            float(edges[index + 1]),
            int(inside.sum()),
            float(value[inside].mean()),
            float(seen[inside].mean()),
        )
        for index in range(_BINS)
        if (inside := place == index).any()
    )
    error = sum(one.points * abs(one.said - one.seen) for one in bins) / max(1, value.size)
    return VisibilityReport(
        source,
        {name: int(one.size) for name, one in of.items()},
        _or_none(metrics.area_under_roc(of["visible"], of["self-occluded"])),
        _or_none(metrics.area_under_roc(of["visible"], of["hidden"])),
        float(error) if value.size else None,
        bins,
    )


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
