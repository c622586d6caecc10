"""An evaluation's report as text, for people."""

from collections.abc import Iterator

from face_alignment_3d.training.evaluation_report import FAILURE, ErrorSummary, Report

_ROWS = (
    ("faces", "faces", "d"),
    ("inner points, mean %", "inner_mean", ".2f"),
    ("inner points, median %", "inner_median", ".2f"),
    (f"failures over {FAILURE:g} %, %", "failures", ".1f"),
    (f"area under curve to {FAILURE:g} %, %", "area_under_curve", ".1f"),
    ("all 66 points, mean %", "all_points_mean", ".2f"),
)


def table(report: Report) -> str:
    """The numbers of ``report`` in lines of 100 characters at most; errors in percent of the eye distance."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{'':30}{'given boxes':>14}{'own detector':>14}"
    for label, field, form in _ROWS:
        cells = (_cell(errors, field, form) for errors in (report.given, report.detector.errors))
        yield f"{label:30}" + "".join(f"{cell:>14}" for cell in cells)
    yield ""
    yield from _detector(report)
    yield ""
    yield "|yaw| in degrees: inner mean with given boxes, failures, found by the detector"
    for group in report.yaw:
        span = f"{group.low:g} to {group.high:g}"
        yield (
            f"  {span:10}{group.given.faces:5d} faces {group.given.inner_mean:7.2f} %"
            f" {group.given.failures:6.1f} % {group.found:6.1f} %"
        )
    yield ""
    yield "spoilt boxes: inner mean, change, failures"
    for row in report.disturbed:
        what = f"{row.kind} {100 * row.level:g} %"
        yield f"  {what:14}{row.inner_mean:7.2f} % {row.relative_change:+7.1f} % {row.failures:6.1f} %"
    yield ""
    yield from _confidence(report)
    yield ""
    if report.lifted is None:
        yield "no face has a fit to compare z with"
    else:
        errors = "  ".join(f"{axes} {error:.2f}" for axes, error in report.lifted.gte.items())
        yield f"GTE % (3D eye distance) against the fit to {report.lifted.faces} faces: {errors}"


def _cell(errors: ErrorSummary | None, field: str, form: str) -> str:
    return "-" if errors is None else format(getattr(errors, field), form)


def _detector(report: Report) -> Iterator[str]:
    detector = report.detector
    yield f"the detector found {detector.found:.1f} % of the faces"
    if detector.given_inner_mean is not None:
        yield (
            f"on those, its boxes (mean overlap {detector.overlap_mean:.2f}) change the inner mean by "
            f"{detector.relative_change:+.1f} %, from {detector.given_inner_mean:.2f} %"
        )
    yield f"missed or failed with the detector: {detector.failures_with_missed:.1f} %"


def _confidence(report: Report) -> Iterator[str]:
    confidence = report.confidence
    yield "rank correlation of confidence and error:"
    yield (
        f"  {confidence.points:+.2f} over all inner points, {confidence.within_point:+.2f} within a point, "
        f"{confidence.faces:+.2f} of whole faces"
    )
    yield "mean error % by tenths of confidence, from the lowest:"
    yield "  " + " ".join(f"{group.error_mean:5.2f}" for group in confidence.groups)
    yield "  up to confidence"
    yield "  " + " ".join(f"{group.highest:5.2f}" for group in confidence.groups)
