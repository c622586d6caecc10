"""What lifting made of a set: numbers, and a contact sheet to look at."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.pose.similarity import umeyama
from face_alignment_3d.training.data.datasets.photos68 import MAX_RESIDUAL, Photos68
from face_alignment_3d.training.evaluation.yaw_groups import yaw_groups
from face_alignment_3d.training.labels.contact_sheet import Tile, contact_sheet
from face_alignment_3d.training.labels.face_model import FaceModel
from face_alignment_3d.training.labels.lifted_labels import LiftedLabels

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_SIDE_VIEW_BACKGROUND: Final = 40
_SIDE_VIEW_MARGIN: Final = 0.3


def lifting_report(labels: LiftedLabels) -> dict[str, Any]:
    """The numbers, ready for JSON. Residuals are percent of the root of the face box's area.

    ``by_yaw`` has the groups that are not empty; ``left_out`` names the faces that do not fit, worst first.
    """
    percent = 100 * labels.residual.astype(np.float64)
    worst_first = np.argsort(-percent, kind="stable")
    return {
        "for": labels.purpose,
        "faces": len(labels.names),
        "kept": int(labels.kept.sum()),
        "residual_limit_percent": 100 * MAX_RESIDUAL,
        "residual_percent": _quantiles(percent),
        "by_yaw": {
            group: {
                "faces": int(inside.sum()),
                "kept": int(labels.kept[inside].sum()),
                "residual_percent": _quantiles(percent[inside]),
            }
            for group, inside in yaw_groups(labels.yaw).items()
            if inside.any()
        },
        "left_out": [
            {"name": labels.names[i], "residual_percent": round(float(percent[i]), 3)}
            for i in worst_first
            if not labels.kept[i]
        ],
    }


def lifting_table(report: dict[str, Any]) -> str:
    """The numbers of :func:`lifting_report` as lines for people."""
    return "\n".join(_lines(report))


def lifting_sheet(
    photos: Photos68, labels: LiftedLabels, model: FaceModel, *, spread: int = 24, worst: int = 24
) -> npt.NDArray[np.uint8]:
    """An RGB contact sheet of two tiles a face: on the photo, and the head from its side, nose to the right.

    Lines are the fit, green dots the labels: hand-made x and y where they count. From the side the dots'
    z is the fit's, so a dot off the line shows how far hand and fit disagree in height. First ``spread``
    faces of those that are kept, from the most left-turned head to the most right-turned one, then the
    ``worst`` ones of all, largest residual first. Raises ValueError for a set without faces.
    """
    chosen = _spread_over_yaw(labels, spread)
    worst_first = np.argsort(-labels.residual, kind="stable")[:worst]
    tiles: list[Tile] = []
    for index in [*chosen, *worst_first]:
        tiles += _tiles(photos.image(int(index)), labels, int(index), model)
    return contact_sheet(tiles)


def _spread_over_yaw(labels: LiftedLabels, count: int) -> list[int]:
    """At most ``count`` faces that are kept, at even steps of yaw as far as there are faces, in its order."""
    left = np.flatnonzero(labels.kept)
    chosen: list[int] = []
    if len(left):
        for wanted in np.linspace(labels.yaw[left].min(), labels.yaw[left].max(), min(count, len(left))):
            nearest = int(np.abs(labels.yaw[left] - wanted).argmin())
            chosen.append(int(left[nearest]))
            left = np.delete(left, nearest)
    return sorted(chosen, key=lambda index: float(labels.yaw[index]))


def _tiles(
    image: npt.NDArray[np.uint8], labels: LiftedLabels, index: int, model: FaceModel
) -> Sequence[Tile]:
    fit, label = labels.points68[index, FROM_68], labels.labels66[index]
    state = "" if labels.kept[index] else "  LEFT OUT"
    percent = 100 * labels.residual[index]
    caption = f"yaw {labels.yaw[index]:.0f}  {percent:.2f} %{state}  {labels.names[index]}"
    _, rotations, _ = umeyama(model.mean[None], labels.points68[index].astype(np.float64)[None])
    fit_side, label_side = (_from_the_side(points, rotations[0]) for points in (fit, label))
    low = np.minimum(fit_side.min(axis=0), label_side.min(axis=0))[:2]
    extent = float(np.ptp(np.concatenate([fit_side, label_side])[:, :2], axis=0).max())
    shift = np.array([*(_SIDE_VIEW_MARGIN * extent - low), 0.0])
    side = max(2, round(extent * (1 + 2 * _SIDE_VIEW_MARGIN)))
    blank = np.full((side, side, 3), _SIDE_VIEW_BACKGROUND, np.uint8)
    return (
        Tile(image, _face(fit), label[:, :2], caption),
        Tile(blank, _face(fit_side + shift), (label_side + shift)[:, :2], "from the side"),
    )


def _from_the_side(
    points: npt.NDArray[np.floating], rotation: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N, 3) points of a head turned by ``rotation``, turned back and then to look to the right."""
    upright = np.asarray(points, dtype=np.float64) @ rotation
    return np.column_stack([-upright[:, 2], upright[:, 1], upright[:, 0]])


def _face(points: npt.NDArray[np.floating]) -> Face3D:
    return Face3D(points.astype(np.float32), np.ones(len(points), np.float32), box_around(points), None)


def _quantiles(percent: npt.NDArray[np.float64]) -> dict[str, float]:
    if not len(percent):
        return {}
    values = np.quantile(percent, _QUANTILES)
    return {f"{q:g}": round(float(value), 3) for q, value in zip(_QUANTILES, values, strict=True)}


def _lines(report: dict[str, Any]) -> Iterator[str]:
    limit = report["residual_limit_percent"]
    yield f"{report['kept']} of {report['faces']} faces fit (residual at most {limit:g} % of the face size)"
    heads = "".join(f"{'max' if q == 1 else f'{100 * q:g} %':>7}" for q in _QUANTILES)
    yield f"{'|yaw|':12}{'faces':>6}{'kept':>6}   residual, %: quantiles"
    yield f"{'':24}{heads}"
    groups = {**report["by_yaw"], "all": report}
    for name, group in groups.items():
        values = "".join(f"{value:7.2f}" for value in group["residual_percent"].values())
        yield f"{name:12}{group['faces']:6d}{group['kept']:6d}{values}"
    if report["left_out"]:
        listed = ", ".join(f"{face['name']} ({face['residual_percent']:.2f})" for face in report["left_out"])
        yield f"left out: {listed}"
