"""Reports as tables, which are shown as Markdown or as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from face_alignment_3d.training.evaluation.published import PublishedReport
from face_alignment_3d.training.evaluation.report import FAILURE, FoundReport, Report, YawReport
from face_alignment_3d.training.evaluation.visibility_report import VisibilityReport

_ABSENT: Final = "-"
_EYES: Final = "over the outer-eye distance"
_OVER: Final = {"eyes_2d": _EYES, "eyes_3d": f"{_EYES} in 3D", "box": "over the box"}

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
    ("own detector: missed or failed, %", "detector.failures_with_missed", ".1f"),
    ("own detector: mean overlap with the given boxes", "detector.overlap_mean", ".2f"),
    *(
        (f"GTE {axes}, 3D eye distance, %", f"three_d.gte.eyes_3d.{axes}", ".2f")
        for axes in ("xyz", "xy", "x", "y", "z")
    ),
    *((f"GTE {axes}, 2D eye distance, %", f"three_d.gte.eyes_2d.{axes}", ".2f") for axes in ("xyz", "xy")),
    ("CVGTCE, 3D eye distance, %", "three_d.cvgtce.eyes_3d", ".2f"),
    ("confidence and error, rank correlation, all inner points", "confidence.points", "+.2f"),
    ("the same within a point", "confidence.within_point", "+.2f"),
    ("the same of whole faces", "confidence.faces", "+.2f"),
)
_COMPARISON: Final[_Rows] = (
    ("faces found, %", "found", ".1f"),
    ("inner 49 points of the faces found, %", "errors.inner_mean", ".2f"),
    ("the same, median", "errors.inner_median", ".2f"),
    (f"missed, or failed (over {FAILURE:g} %), %", "failures_with_missed", ".1f"),
    ("all 66 points of the faces found, %", "errors.all_points_mean", ".2f"),
    ("all 66 points over the box, of the faces found, %", "errors.box_mean", ".2f"),
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
_BOXES: Final[_Rows] = (
    ("inner error, %", "inner_mean", ".2f"),
    ("change, %", "relative_change", "+.1f"),
    ("failures, %", "failures", ".1f"),
)
_CONFIDENCE: Final[_Rows] = (("highest confidence", "highest", ".2f"), ("mean error, %", "error_mean", ".1f"))
_BINS: Final[_Rows] = (
    ("points", "points", "d"),
    ("said, mean", "said", ".3f"),
    ("seen, share", "seen", ".3f"),
)
#: Of :class:`PublishedErrors`: what a row is called and the name of the field, by group and mean.
_GROUPED: Final = (
    ("NME over the box, x y, the set's labels, %", "nme_2d"),
    ("NME over the box, x y z, the set's labels, %", "nme_3d"),
    ("NME over the box, x y, re-annotated points, %", "reannotated"),
    ("visible hand-made points (MERL-RAV), over the reference box, %", "visible"),
    ("the inner ones of these, %", "visible_inner"),
    ("visible hand-made points, over their own box, %", "visible_own_box"),
    ("the inner ones of these, %", "visible_inner_own_box"),
)
_WHOLE: Final[_Rows] = (
    ("GTE xyz, 3D eye distance, %", "gte_xyz", ".2f"),
    ("GTE z, 3D eye distance, %", "gte_z", ".2f"),
    ("rotation against the labels' points, degrees", "rotation.geodesic", ".2f"),
    ("its yaw, mean absolute error", "rotation.angles.yaw", ".2f"),
    ("its pitch", "rotation.angles.pitch", ".2f"),
    ("its roll", "rotation.angles.roll", ".2f"),
    ("pitch bias within 30 degrees of yaw (positive: down)", "rotation.pitch_bias", "+.2f"),
    ("spread of pitch over the labels' there", "rotation.pitch_spread", ".2f"),
    ("the set's angles, mean absolute error of yaw, degrees", "angles.yaw", ".2f"),
    ("of pitch", "angles.pitch", ".2f"),
    ("of roll", "angles.roll", ".2f"),
    ("mean of the three", "angles.mean", ".2f"),
)


@dataclass(frozen=True)
class Table:
    """Rows of cells under titles; the corner names the table."""

    corner: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [_row(self.corner, self.titles), "|" + "---|" * (len(self.titles) + 1)]
        return "\n".join([*lines, *(_row(label, cells) for label, cells in self.rows)])

    def text(self) -> str:
        """Columns of equal widths, under their titles."""
        widths = [
            max(len(title), *(len(cells[column]) for _, cells in self.rows), 6) + 2
            for column, title in enumerate(self.titles)
        ]
        label_width = max(len(label) for label in (self.corner, *(row[0] for row in self.rows)))
        lines = [(self.corner, self.titles), *self.rows]
        return "\n".join(f"{label:{label_width}}{_aligned(cells, widths)}" for label, cells in lines)


def markdown(reports: Mapping[str, Report]) -> str:
    """Tables of the numbers of at least one set; ``reports`` maps what a column is called to its report.

    First the protocols of benchmarks, then an overview, then, set by set, errors by yaw, by perturbed boxes
    and by confidence. Numbers that a set does not have are dashes.
    """
    return "\n\n".join(table.markdown() for table in _tables(reports)) + "\n"


def text(report: Report) -> str:
    """The same tables of one report, for a terminal."""
    return "\n\n".join(table.text() for table in _tables({"": report}))


def comparison_markdown(lines: Mapping[str, FoundReport]) -> str:
    """One table of several aligners on one set; ``lines`` maps what a column is called to its report."""
    table = _table("", list(lines), list(lines.values()), _COMPARISON)
    groups = [{(g.low, g.high): g for g in report.yaw.groups} for report in lines.values()]
    by_yaw = []
    for low, high in groups[0]:
        shown = (of_line[low, high] for of_line in groups)
        cells = tuple(f"{_cell(g, 'errors.box_mean', '.2f')} ({g.found:.0f} % found)" for g in shown)
        by_yaw.append((f"all 66 points over the box, yaw {low:g} to {high:g}, %", cells))
    return Table(table.corner, table.titles, (*table.rows, *by_yaw)).markdown() + "\n"


def _tables(reports: Mapping[str, Report]) -> Iterator[Table]:
    titles = [f"{name} ({report.given.faces})".strip() for name, report in reports.items()]
    published = [(name, r.published) for name, r in reports.items() if r.published is not None]
    for name, protocols in published:
        yield from _protocols(name, protocols)
    rows = [(_named(label, reports.values()), where, form) for label, where, form in _OVERVIEW]
    yield _table("", titles, list(reports.values()), tuple(rows))
    for name, report in reports.items():
        start = f"{name}, " if name else ""
        yield _by_yaw(start, report.yaw)
        ways = [f"{row.kind} {100 * row.level:g} %" for row in report.perturbed]
        yield _transposed(f"{start}perturbed boxes", ways, report.perturbed, _BOXES)
        tenths = [str(number + 1) for number in range(len(report.confidence.groups))]
        corner = f"{start}tenth of the inner points, from the least confident"
        yield _transposed(corner, tenths, report.confidence.groups, _CONFIDENCE)


def _named(label: str, reports: Iterable[Report]) -> str:
    """The label, with the denominator of errors that all reports have."""
    over = {report.normalizer for report in reports}
    return label.replace(_EYES, _OVER[over.pop()]) if len(over) == 1 else label


def _protocols(name: str, report: PublishedReport) -> Iterator[Table]:
    groups = [f"{group} ({faces})" for group, faces in zip(report.group_names, report.faces, strict=True)]
    start = f"{name}, " if name else ""
    for label, field in _GROUPED:
        shown = {
            column: grouped
            for column, errors in report.errors.items()
            if (grouped := getattr(errors, field)) is not None
        }
        if shown:
            rows = tuple(
                (column, tuple(_number(value, ".2f") for value in (*grouped.groups, grouped.mean)))
                for column, grouped in shown.items()
            )
            yield Table(f"{start}{label}", (*groups, "mean of the groups"), rows)
    whole = {
        column: errors
        for column, errors in report.errors.items()
        if any(_cell(errors, where, form) != _ABSENT for _, where, form in _WHOLE)
    }
    if whole:
        yield _table(f"{start}all faces", list(whole), list(whole.values()), _WHOLE)
    if report.visibility is not None:
        yield from _visibility(start, report.visibility)


def _visibility(start: str, report: VisibilityReport) -> Iterator[Table]:
    said = (
        report.source if report.source == "visibility" else "confidence, as these weights have no visibility"
    )
    rows = (
        ("AUC, visible against self-occluded", (_number(report.auc_self_occluded, ".3f"),)),
        ("AUC, visible against hidden by something", (_number(report.auc_hidden, ".3f"),)),
        ("calibration error", (_number(report.calibration_error, ".3f"),)),
        *((f"points, {kind}", (str(count),)) for kind, count in report.points.items()),
    )
    yield Table(f"{start}which points can be seen", (f"by {said}",), rows)
    spans = [f"{one.lowest:.1f} to {one.highest:.1f}" for one in report.bins]
    yield _transposed(f"{start}calibration, {said}", spans, report.bins, _BINS)


def _by_yaw(start: str, yaw: YawReport) -> Table:
    spans = [f"{group.low:g} to {group.high:g}" for group in yaw.groups]
    table = _table(f"{start}degrees of yaw, either side", spans, yaw.groups, _YAW)
    if not yaw.beyond:
        return table
    beyond = ("faces beyond, in no group", (str(yaw.beyond), *("" for _ in spans[1:])))
    return Table(table.corner, table.titles, (*table.rows, beyond))


def _table(corner: str, titles: Sequence[str], columns: Sequence[object], rows: _Rows) -> Table:
    """A table with a column for each report; rows without any number are left out."""
    made = ((label, tuple(_cell(column, where, form) for column in columns)) for label, where, form in rows)
    return Table(corner, tuple(titles), tuple(row for row in made if any(cell != _ABSENT for cell in row[1])))


def _transposed(corner: str, labels: Sequence[str], parts: Sequence[object], columns: _Rows) -> Table:
    """A table with a row for each part."""
    rows = tuple(
        (label, tuple(_cell(part, where, form) for _, where, form in columns))
        for label, part in zip(labels, parts, strict=True)
    )
    return Table(corner, tuple(title for title, _, _ in columns), rows)


def _cell(report: object, where: str, form: str) -> str:
    number: Any = report
    for step in where.split("."):
        if number is None:
            break
        number = number[step] if isinstance(number, Mapping) else getattr(number, step)
    return _number(number, form)


def _number(number: float | None, form: str) -> str:
    return _ABSENT if number is None else format(number, form)


def _row(label: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([label, *cells]) + " |"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
