"""Numbers of ``benchmarks/batch.py``, as tables of Markdown and as a block of a document."""

import re
from dataclasses import dataclass
from typing import Any, Final

BEGIN: Final = "<!-- measured by benchmarks/batch.py -->"
END: Final = "<!-- end of what was measured -->"

#: The library's promises.
LEAST_SPEED_UP: Final = 1.6
MOST_OVERHEAD: Final = 0.15

#: Cores of machines whose day is computed from what was measured.
_CORES: Final = (2, 8, 32, 96)
_DAY: Final = 86_400


@dataclass(frozen=True)
class Measured:
    """One way to run the command."""

    name: str
    cores: int
    """That it keeps busy."""
    is_ray: bool
    seconds: float
    """Median, from the command's start to its end."""
    start_seconds: float
    """Of a run with one photo: what starting and ending take."""
    all_seconds: list[float]
    images_per_second: float
    cpu_milliseconds: float | None
    """CPU time of all its processes for each photo; None where it is not known."""
    faces: int
    equal: bool
    """True if all tables are those of the first row's to the last bit."""
    largest_difference: float
    """Of landmarks, to those of the first row, in pixels."""

    @property
    def core_hours(self) -> float:
        """For a million photos."""
        return self.cores * 1e6 / self.images_per_second / 3600


@dataclass(frozen=True)
class Report:
    """All that was measured, and on what."""

    provenance: dict[str, Any]
    load_before: float | None
    backend: str
    photos: int
    sides: tuple[int, ...]
    core_hour: float
    """The price of a core for an hour."""
    machine_cores: int
    runs: list[Measured]

    @property
    def fastest(self) -> Measured:
        """The way without Ray that aligns most photos a second."""
        return max((run for run in self.runs if not run.is_ray), key=lambda run: run.images_per_second)


def report_of(content: dict[str, Any]) -> Report:
    """The report that was written as JSON."""
    runs = [Measured(**run) for run in content["runs"]]
    return Report(**content | {"runs": runs, "sides": tuple(content["sides"])})


def markdown(report: Report) -> str:
    """All tables."""
    versions = report.provenance["versions"]
    load = "" if report.load_before is None else f", load before {report.load_before:.2f}"
    about = (
        f"`{report.provenance['command']}` on {report.provenance['date']}: {report.photos} photos with "
        f"longer sides of {', '.join(map(str, report.sides))} px, {report.provenance['weights']} in "
        f"{report.backend}; "
        f"{report.provenance['machine']}, {report.machine_cores} cores used{load}; "
        f"Python {versions['python']}, OpenCV {versions['opencv']}, NumPy {versions['numpy']}."
    )
    return "\n\n".join([about, runs_table(report), promises_table(report), day_table(report)])


def runs_table(report: Report) -> str:
    first = report.runs[0]
    lines = [
        "| | seconds | of these to start and end | photos/s | CPU ms a photo | speed-up "
        "| core hours a million photos "
        f"| at {report.core_hour:g} a core hour | tables |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in report.runs:
        cpu = "-" if run.cpu_milliseconds is None else f"{run.cpu_milliseconds:.1f}"
        tables = "equal to the bit" if run.equal else f"landmarks equal to {run.largest_difference:.1g} px"
        lines.append(
            f"| {run.name} | {run.seconds:.1f} | {run.start_seconds:.1f} | {run.images_per_second:.1f} "
            f"| {cpu} | {first.seconds / run.seconds:.2f} x | {run.core_hours:.1f} "
            f"| {run.core_hours * report.core_hour:.2f} | {tables} |"
        )
    return "\n".join(lines)


def promises_table(report: Report) -> str:
    """Promises and what was measured; no row for what was not."""
    lines = ["| promise | | measured | |", "|---|---|---|---|"]
    by_cores = {(run.cores, run.name.startswith("1 process")): run for run in report.runs if not run.is_ray}
    many = next((run for (cores, single), run in by_cores.items() if cores > 1 and not single), None)
    # One process with several threads keeps all cores busy as well.
    for single in (run for run in report.runs if run.cores == 1):
        if many is not None:
            speed_up = single.seconds / many.seconds
            lines.append(
                f"| {many.name}, against {single.name} | at least {LEAST_SPEED_UP:g} x "
                f"| {speed_up:.2f} x | {_kept(speed_up >= LEAST_SPEED_UP)} |"
            )
    ray = next((run for run in report.runs if run.is_ray), None)
    if many is not None and ray is not None:
        overhead = ray.seconds / many.seconds - 1
        lines.append(
            f"| {ray.name}, against {many.name}: more time | at most {MOST_OVERHEAD:.0%} "
            f"| {overhead:.0%} | {_kept(overhead <= MOST_OVERHEAD)} |"
        )
    return "\n".join(lines)


def day_table(report: Report) -> str:
    """Photos that machines align in a day, in proportion to their cores; computed, not measured."""
    run = report.fastest
    a_core = run.images_per_second / run.cores
    header = (
        "| computed from the fastest row without Ray | " + " | ".join(f"{n} cores" for n in _CORES) + " |"
    )
    million = " | ".join(f"{1e6 / a_core / cores / 3600:.1f} h" for cores in _CORES)
    day = " | ".join(f"{a_core * cores * _DAY / 1e6:.1f} million" for cores in _CORES)
    return "\n".join(
        [header, "|---" * (len(_CORES) + 1) + "|", f"| a million photos | {million} |", f"| a day | {day} |"]
    )


def _kept(is_kept: bool) -> str:
    return "kept" if is_kept else "not kept"


def document_with(text: str, report: Report) -> str:
    """The document with the tables in its block. Raises ValueError where it has none."""
    if not re.search(f"{BEGIN}.*{END}", text, re.DOTALL):
        raise ValueError(f"expected a document with {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n\n{markdown(report)}\n\n{END}{after}"
