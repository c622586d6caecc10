"""What became of the faces that were pseudo-labelled: numbers, and a contact sheet to look at."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import GROUPS, INNER
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
from face_alignment_3d.training.evaluation.yaw_groups import yaw_groups
from face_alignment_3d.training.labels.agreement import LabelSource
from face_alignment_3d.training.labels.contact_sheet import Tile, contact_sheet
from face_alignment_3d.training.labels.markup_offset import MarkupOffset
from face_alignment_3d.training.labels.pseudo_labels import PseudoLabels

_QUANTILES: Final = (0.5, 0.9, 0.99)
_MEASURES: Final = ("spread", "from_tddfa", "from_mediapipe")
_SHEET_ORDER: Final = (LabelSource.OWN, LabelSource.BLENDED, LabelSource.TEACHERS, LabelSource.REJECTED)


def pseudo_label_report(made: PseudoLabels) -> dict[str, Any]:
    """The numbers, ready for JSON: in all, by set and by |yaw|. Distances are percent of the face size.

    A group has its number of faces, of each label_source, and quantiles of the looks' spread and of the
    distances from both teachers. A set is the folder that its photos lie in.
    """
    sets = np.array([name.split("/")[0] for name in made.names])
    return {
        **made.source,
        "all": _group(made, np.ones(len(sets), dtype=bool)),
        "by_set": {name: _group(made, sets == name) for name in sorted(set(sets.tolist()))},
        "by_yaw": {
            label: _group(made, inside) for label, inside in yaw_groups(made.yaw).items() if inside.any()
        },
        "offsets": None
        if made.offsets is None
        else {"tddfa": _offset(made.offsets.tddfa), "mediapipe": _offset(made.offsets.mediapipe)},
    }


def pseudo_label_table(report: dict[str, Any]) -> str:
    """The numbers of :func:`pseudo_label_report` as lines for people."""
    return "\n".join(_lines(report))


def pseudo_label_sheet(
    faces: TeacherLabelledFaces, made: PseudoLabels, *, each: int = 24
) -> npt.NDArray[np.uint8]:
    """An RGB contact sheet: up to ``each`` faces of every label_source, spread over the yaw, best
    label_source first.

    Lines are the label (of rejected faces, which have none, the own mean), green dots are 3DDFA_V2's points.
    ``faces`` are those that the labels were made of. Raises ValueError for no face.
    """
    fused_labels = made.fused_labels
    tiles = []
    for label_source in _SHEET_ORDER:
        members = np.flatnonzero(fused_labels.label_source == label_source)
        members = members[np.argsort(made.yaw[members], kind="stable")]
        for index in members[
            np.arange(min(each, len(members))) * len(members) // max(1, min(each, len(members)))
        ]:
            points = (
                fused_labels.own if label_source == LabelSource.REJECTED else fused_labels.labels.points
            )[index]
            face = Face3D(points, np.ones(len(points), np.float32), box_around(points), None)
            tiles.append(
                Tile(faces.image(int(index)), face, faces.tddfa[index, :, :2], _caption(made, int(index)))
            )
    return contact_sheet(tiles)


def _caption(made: PseudoLabels, index: int) -> str:
    fused_labels = made.fused_labels
    third = fused_labels.from_mediapipe[index]
    distances = f"{100 * fused_labels.spread[index]:.1f} {100 * fused_labels.from_tddfa[index]:.1f}"
    distances += "" if np.isnan(third) else f" {100 * third:.1f}"
    label_source = LabelSource(int(fused_labels.label_source[index])).name.lower()
    return f"{label_source}  yaw {made.yaw[index]:.0f}  {distances} %"


def _group(made: PseudoLabels, inside: npt.NDArray[np.bool_]) -> dict[str, Any]:
    fused_labels = made.fused_labels
    return {
        "faces": int(inside.sum()),
        **{
            label_source.name.lower(): int((fused_labels.label_source[inside] == label_source).sum())
            for label_source in _SHEET_ORDER
        },
        **{f"{name}_percent": _quantiles(getattr(fused_labels, name)[inside]) for name in _MEASURES},
    }


def _quantiles(values: npt.NDArray[np.float32]) -> dict[str, float] | None:
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return None
    found = 100 * np.quantile(known, _QUANTILES)
    return {f"{q:g}": round(float(value), 3) for q, value in zip(_QUANTILES, found, strict=True)}


def _offset(offset: MarkupOffset) -> dict[str, Any]:
    lengths = 100 * np.linalg.norm(offset.points, axis=-1)
    spread = 100 * offset.spread
    parts: dict[str, slice | list[int]] = {name: list(part) for name, part in GROUPS.items()}
    parts["inner"] = INNER
    return {
        "length_percent": {name: round(float(lengths[part].mean()), 3) for name, part in parts.items()},
        "spread_percent": {name: round(float(spread[part].mean()), 3) for name, part in parts.items()},
    }


def _lines(report: dict[str, Any]) -> Iterator[str]:
    label_sources = [label_source.name.lower() for label_source in _SHEET_ORDER]
    yield (
        f"{'':18}{'faces':>7}"
        + "".join(f"{name:>9}" for name in label_sources)
        + "   spread 3DDFA_V2 MediaPipe"
    )
    groups = {**report["by_set"], **{f"|yaw| {name}": g for name, g in report["by_yaw"].items()}}
    for name, group in {**groups, "all": report["all"]}.items():
        counts = "".join(f"{group[label_source]:9d}" for label_source in label_sources)
        medians = ((group[f"{measure}_percent"] or {}).get("0.5") for measure in _MEASURES)
        cells = "".join(f"{'-':>9}" if value is None else f"{value:9.2f}" for value in medians)
        yield f"{name:18}{group['faces']:7d}{counts}{cells}"
    yield "spread of the looks and distance of the own points from the teachers: median, % of the face size"
    if report["offsets"] is None:
        yield "too few faces near the front to measure the teachers' markups on: MediaPipe was not asked"
        return
    for teacher, name in (("tddfa", "3DDFA_V2"), ("mediapipe", "MediaPipe")):
        measured = report["offsets"][teacher]
        mean, rest = (measured[f"{what}_percent"]["inner"] for what in ("length", "spread"))
        yield f"{name} marks points {mean:.2f} % elsewhere, now taken out; {rest:.2f} % an axis remain"
