"""An evaluation's report as text, for people."""

from collections.abc import Iterator

from face_alignment_3d.training.evaluation.report import FAILURE, ErrorSummary, Report

_ROWS = (
    ("faces", "faces", "d"),
    ("inner points, mean %", "inner_mean", ".2f"),
    ("inner points, median %", "inner_median", ".2f"),
    (f"failures over {FAILURE:g} %, %", "failures", ".1f"),
    (f"area under curve to {FAILURE:g} %, %", "area_under_curve", ".1f"),
    ("all 66 points, mean %", "all_points_mean", ".2f"),
    ("all 66 points over the box, %", "box_mean", ".2f"),
)
_EYES = {"eyes_2d": "2D", "eyes_3d": "3D"}


def table(report: Report) -> str:
    """The numbers of ``report`` in lines of 100 characters at most."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{'':30}{'given boxes':>14}{'own detector':>14}"
    for label, field, form in _ROWS:
        cells = (_cell(errors, field, form) for errors in (report.given, report.detector.errors))
        yield f"{label:30}" + "".join(f"{cell:>14}" for cell in cells)
    yield f"errors in x, y over the outer-eye distance in {_EYES[report.normalizer]}, unless over the box"
    yield ""
    yield from _detector(report)
    yield ""
    yield from _yaw(report)
    yield ""
    yield "perturbed boxes: inner mean, change, failures"
    for row in report.perturbed:
        what = f"{row.kind} {100 * row.level:g} %"
        yield f"  {what:21}{row.inner_mean:7.2f} % {row.relative_change:+7.1f} % {row.failures:6.1f} %"
    yield ""
    yield from _confidence(report)
    yield ""
    yield from _three_d(report)


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


def _yaw(report: Report) -> Iterator[str]:
    yield "|yaw| in degrees, given boxes: inner mean, failures, over the box, GTE xyz, found by the detector"
    for group in report.yaw.groups:
        errors = group.errors
        gte = "-" if group.gte_xyz is None else f"{group.gte_xyz:.2f} %"
        yield (
            f"  {f'{group.low:g} to {group.high:g}':10}{_cell(errors, 'faces', '5d')} faces"
            f"{_cell(errors, 'inner_mean', '8.2f')} %{_cell(errors, 'failures', '7.1f')} %"
            f"{_cell(errors, 'box_mean', '8.2f')} %{gte:>10}{group.found:8.1f} %"
        )
    if report.yaw.beyond:
        yield f"  beyond    {report.yaw.beyond:5d} faces in no group"
    if report.yaw.box_mean is not None:
        yield f"  mean of the groups, over the box: {report.yaw.box_mean:.2f} %"


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


def _three_d(report: Report) -> Iterator[str]:
    if report.three_d is None:
        yield "no face has a fit to compare z with"
        return
    what = "the labels" if report.three_d.labels == "set" else "the fit"
    yield f"3D errors against {what} of {report.three_d.faces} faces:"
    for normalizer, gte in report.three_d.gte.items():
        errors = "  ".join(f"{axes} {error:.2f}" for axes, error in gte.items())
        yield f"  GTE %, {_EYES[normalizer]} eye distance: {errors}"
    if report.three_d.cvgtce is not None:
        errors = ", ".join(f"{error:.2f} ({_EYES[name]})" for name, error in report.three_d.cvgtce.items())
        yield f"  CVGTCE %, by eye distance: {errors}"
