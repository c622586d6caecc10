"""A report on fused labels, in numbers and as a picture."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.markup import FROM_68, INNER
from face_alignment_3d.training.data.datasets.face_sets import FaceSet
from face_alignment_3d.training.labels.contact_sheet import Tile, contact_sheet, labelled_tile
from face_alignment_3d.training.labels.face_fit import center_and_radius
from face_alignment_3d.training.labels.fused_labels import FusedLabels
from face_alignment_3d.training.labels.label_composer import Fusion

_QUANTILES: Final = (0.5, 0.9, 0.99)
#: Lower ends of the groups of faces, degrees of |yaw|; the last group has no upper end.
_GROUP_STARTS: Final = (0, 15, 30, 45, 60, 75)


def fusion_report(labels: FusedLabels, sets: Sequence[FaceSet]) -> dict[str, Any]:
    """Counts, residuals and distances from 3DDFA_V2, by set and by yaw; ready for JSON."""
    return {
        "source": dict(labels.source),
        "sets": {faces.name: _report(labels.sets[faces.name], faces) for faces in sets},
        "benchmark_offset": np.round(labels.benchmark_offset, 5).tolist(),
    }


def _report(fusion: Fusion, faces: FaceSet) -> dict[str, Any]:
    predicted = faces.predicted[:, FROM_68]
    centered = predicted - predicted.mean(axis=1, keepdims=True)
    _, radius = center_and_radius(predicted)
    apart = np.linalg.norm(fusion.points[..., :2] - predicted[..., :2], axis=-1) / radius[:, None]
    deeper = np.abs(fusion.points[..., 2] - centered[..., 2]).mean(axis=1) / radius
    used = fusion.weight_z.max(axis=1) > 0
    groups = {"all": np.ones(len(faces), dtype=bool), **_yaw_groups(fusion.yaw)}
    return {
        "faces": len(faces),
        "left out": [faces.files[i].name for i in np.flatnonzero(~used)],
        "by yaw": {
            name: {
                "faces": int(chosen.sum()),
                "used": int((chosen & used).sum()),
                "with visibility": int((fusion.weight_visible[chosen].max(axis=1) > 0).sum()),
                "residual, % of the radius": _quantiles(100 * fusion.residual[chosen]),
                "inner x, y from 3DDFA_V2, % of the radius": _quantiles(
                    100 * apart[chosen, INNER].mean(axis=1)
                ),
                "z from 3DDFA_V2, % of the radius": _quantiles(100 * deeper[chosen]),
            }
            for name, chosen in groups.items()
            if chosen.any()
        },
    }


def _yaw_groups(yaw: npt.NDArray[np.floating]) -> dict[str, npt.NDArray[np.bool_]]:
    """Label, such as ``"15 to 30"``, -> True for those of the (N,) angles in degrees that belong to it."""
    turned = np.abs(yaw)
    ends = (*_GROUP_STARTS[1:], np.inf)
    return {
        f"{start} to {end}" if np.isfinite(end) else f"{start} or more": (turned >= start) & (turned < end)
        for start, end in zip(_GROUP_STARTS, ends, strict=True)
    }


def _quantiles(values: npt.NDArray[np.floating]) -> dict[str, float]:
    return {f"{100 * q:g} %": round(float(np.quantile(values, q)), 3) for q in _QUANTILES}


def fusion_table(report: dict[str, Any]) -> str:
    """The report's main numbers as text, a line for each set and group of yaw."""
    lines = [f"{'set':<14}{'yaw':<12}{'faces':>7}{'used':>7}{'residual 50/90 %':>20}"]
    for name, of_set in report["sets"].items():
        for group, values in of_set["by yaw"].items():
            residual = values["residual, % of the radius"]
            spread = f"{residual['50 %']:.1f} / {residual['90 %']:.1f}"
            lines.append(f"{name:<14}{group:<12}{values['faces']:>7}{values['used']:>7}{spread:>20}")
    return "\n".join(lines)


def fusion_sheet(labels: FusedLabels, sets: Sequence[FaceSet], *, count: int = 16) -> npt.NDArray[np.uint8]:
    """``count`` faces of each set, from the most left-turned to the most right-turned, on one picture.

    As many with the largest residuals that are used come after them. Labels are lines, 3DDFA_V2's points
    green dots.
    """
    tiles = []
    for faces in sets:
        fusion = labels.sets[faces.name]
        used = np.flatnonzero(fusion.weight_z.max(axis=1) > 0)
        if not len(used):
            continue
        by_yaw = used[np.argsort(fusion.yaw[used], kind="stable")]
        spread = by_yaw[np.linspace(0, len(by_yaw) - 1, min(count, len(by_yaw))).astype(np.int64)]
        worst = used[np.argsort(-fusion.residual[used], kind="stable")][: count // 2]
        tiles += [_tile(faces, fusion, int(index)) for index in (*spread, *worst)]
    return contact_sheet(tiles)


def _tile(faces: FaceSet, fusion: Fusion, index: int) -> Tile:
    caption = f"{fusion.yaw[index]:.0f} / {fusion.pitch[index]:.0f}  {100 * fusion.residual[index]:.1f} %"
    return labelled_tile(
        faces.image(index), fusion.points[index], caption, dots=faces.predicted[index, FROM_68, :2]
    )
