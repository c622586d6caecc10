"""Reports as Markdown tables, one column a set, as the README and the model card show them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from face_alignment_3d.training.evaluation.report import FAILURE, FoundReport, Report, YawReport

_ABSENT: Final = "-"

# What a row is called, where in a report its number is, and the number's form.
_Rows = tuple[tuple[str, str, str], ...]

_OVERVIEW: Final[_Rows] = (
    ("inner 49 points, mean error over the outer-eye distance, %", "given.inner_mean", ".2f"),
    ("the same, median", "given.inner_median", ".2f"),
    (f"failures (over {FAILURE:g} %), %", "given.failures", ".1f"),
    (f"area under the cumulative curve up to {FAILURE:g} %, %", "given.area_under_curve", ".1f"),
    ("all 66 points, %", "given.all_points_mean", ".2f"),
    ("all 66 points over the box, %", "given.box_mean", ".2f"),
    ("the same, mean of the groups of yaw", "yaw.box_mean", ".2f"),
    ("own detector: faces found, %", "detector.found", ".1f"),
    ("own detector: inner error of the faces found, %", "detector.errors.inner_mean", ".2f"),
    ("own detector: change against given boxes, %", "detector.relative_change", "+.1f"),
    *(
        (f"GTE {axes}, 3D eye distance, %", f"three_d.gte.eyes_3d.{axes}", ".2f")
        for axes in ("xyz", "xy", "x", "y", "z")
    ),
    *((f"GTE {axes}, 2D eye distance, %", f"three_d.gte.eyes_2d.{axes}", ".2f") for axes in ("xyz", "xy")),
    ("CVGTCE, 3D eye distance, %", "three_d.cvgtce.eyes_3d", ".2f"),
)
_COMPARISON: Final[_Rows] = (
    ("faces found, %", "found", ".1f"),
    ("inner 49 points of the faces found, %", "errors.inner_mean", ".2f"),
    (f"missed or failed (over {FAILURE:g} %), % of all faces", "failures_with_missed", ".1f"),
    ("all 66 points of the faces found, over the box, %", "errors.box_mean", ".2f"),
    ("GTE xyz of the faces found, 3D eye distance, %", "three_d.gte.eyes_3d.xyz", ".2f"),
    ("GTE z of the faces found, 3D eye distance, %", "three_d.gte.eyes_3d.z", ".2f"),
    ("CVGTCE of the faces found, 3D eye distance, %", "three_d.cvgtce.eyes_3d", ".2f"),
)
_YAW: Final[_Rows] = (
    ("faces", "errors.faces", "d"),
    ("inner 49 points, %", "errors.inner_mean", ".2f"),
    (f"failures (over {FAILURE:g} %), %", "errors.failures", ".1f"),
    ("all 66 points over the box, %", "errors.box_mean", ".2f"),
    ("GTE xyz, 3D eye distance, %", "gte_xyz", ".2f"),
    ("found by the detector, %", "found", ".1f"),
)


def markdown(reports: Mapping[str, Report]) -> str:
    """Tables of the numbers of at least one set; ``reports`` maps what a column is called to its report.

    First the table for the README; then, set by set, errors by yaw, by perturbed boxes and by confidence.
    Numbers that a set does not have are dashes.
    """
    titles = [f"{name} ({report.given.faces})" for name, report in reports.items()]
    blocks = [_table("", titles, list(reports.values()), _OVERVIEW)]
    for name, report in reports.items():
        blocks += [_by_yaw(name, report.yaw), _boxes(name, report), _confidence(name, report)]
    return "\n\n".join(blocks) + "\n"


def comparison_markdown(lines: Mapping[str, FoundReport]) -> str:
    """One table of several aligners on one set; ``lines`` maps what a column is called to its report."""
    rows = [_table("", list(lines), list(lines.values()), _COMPARISON)]
    groups = [{(g.low, g.high): g for g in report.yaw.groups} for report in lines.values()]
    for low, high in groups[0]:
        shown = (of_line[low, high] for of_line in groups)
        cells = [f"{_cell(g, 'errors.box_mean', '.2f')} ({g.found:.0f} % found)" for g in shown]
        rows.append(_row(f"all 66 points over the box, yaw {low:g} to {high:g}, %", cells))
    return "\n".join(rows) + "\n"


def _by_yaw(name: str, yaw: YawReport) -> str:
    spans = [f"{group.low:g} to {group.high:g}" for group in yaw.groups]
    return _table(f"{name}, degrees of yaw, either side", spans, yaw.groups, _YAW)


def _boxes(name: str, report: Report) -> str:
    ways = [f"{row.kind} {100 * row.level:g} %" for row in report.perturbed]
    rows = (("change of the inner error, %", "relative_change", "+.1f"),)
    return _table(f"{name}, boxes", ways, report.perturbed, rows)


def _confidence(name: str, report: Report) -> str:
    groups = report.confidence.groups
    tenths = [str(number) for number in range(1, len(groups) + 1)]
    rows = (
        ("mean error, % of the outer-eye distance", "error_mean", ".1f"),
        ("highest confidence", "highest", ".2f"),
    )
    return _table(f"{name}, tenth of the inner points, from the least confident", tenths, groups, rows)


def _table(corner: str, titles: Sequence[str], columns: Sequence[object], rows: _Rows) -> str:
    """Rows that no column has a number for are left out."""
    lines = [_row(corner, titles), "|" + "---|" * (len(titles) + 1)]
    for label, where, form in rows:
        cells = [_cell(column, where, form) for column in columns]
        if any(cell != _ABSENT for cell in cells):
            lines.append(_row(label, cells))
    return "\n".join(lines)


def _cell(report: object, where: str, form: str) -> str:
    number: Any = report
    for step in where.split("."):
        if number is None:
            break
        number = number[step] if isinstance(number, Mapping) else getattr(number, step)
    return _ABSENT if number is None else format(number, form)


def _row(label: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([label, *cells]) + " |"
