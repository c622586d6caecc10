"""The results as Markdown."""

from collections.abc import Sequence

from timing.contenders import TASKS
from timing.measuring import Measurement, Start
from timing.spread import Spread
from timing.targets import Promise

#: Ratios are over this one's median.
BASE = "ours, onnx"


def markdown(
    measurements: Sequence[Measurement],
    starts: Sequence[Start],
    promises: Sequence[Promise],
    *,
    floors: dict[str, float],
    notes: Sequence[str],
    promised: str,
) -> str:
    """A table for each place, then starts and memory, then promises, then notes. ``floors``: place ->
    milliseconds. ``promised``: the place at which promises were measured."""
    parts = []
    for place in dict.fromkeys(m.place for m in measurements):
        parts.append(times(measurements, place, floor=floors.get(place)))
    if starts:
        parts.append(start_table(starts))
    if promises:
        parts.append(promise_table(promises, promised))
    parts += [f"- {note}" for note in notes]
    return "\n".join(parts).rstrip("\n") + "\n"


def times(measurements: Sequence[Measurement], place: str, *, floor: float | None) -> str:
    """Tasks down, contenders across: median (5 to 95 %), then the ratio of medians to :data:`BASE`."""
    here = [m for m in measurements if m.place == place]
    cells = {(m.contender, m.task): m.spread for m in here}
    labels = list(dict.fromkeys(m.contender for m in here))
    base = BASE if BASE in labels else labels[0]
    rows = [
        f"| milliseconds, median (5 to 95 %), {place} | {' | '.join(labels)} |",
        "|---" * (len(labels) + 1) + "|",
    ]
    for task, name in TASKS.items():
        shown = [_cell(cells.get((label, task)), cells.get((base, task)), label == base) for label in labels]
        if any(cell != "-" for cell in shown):
            rows.append(f"| {name} | {' | '.join(shown)} |")
    if floor is not None:
        rows.append(f"| floor of one face: its arithmetic alone | {floor:.2f} |" + " |" * (len(labels) - 1))
    return "\n".join(rows) + "\n"


def start_table(starts: Sequence[Start]) -> str:
    """Seconds to the first result, and memory."""
    rows = [
        "| a process | contender | seconds, median (5 to 95 %) | peak memory, MB | torch imported |",
        "|---|---|---|---|---|",
    ]
    for start in starts:
        imported = "yes" if start.torch else "no"
        rows.append(
            f"| {start.what} | {start.contender}, {start.place} | {told(start.seconds)} "
            f"| {start.megabytes:.0f} | {imported} |"
        )
    return "\n".join(rows) + "\n"


def promise_table(promises: Sequence[Promise], place: str) -> str:
    """Each promise beside what was measured at ``place``."""
    rows = [
        f"| promise for two cores, measured with {place} | at most | measured | kept |",
        "|---|---|---|---|",
    ]
    for line in promises:
        measured = "not measured" if line.measured is None else f"{line.measured:.2f} {line.unit}".rstrip()
        if line.remark:
            measured += f" ({line.remark})"
        kept = {True: "yes", False: "**no**", None: ""}[line.met]
        rows.append(f"| {line.what} | {line.limit:g} {line.unit}".rstrip() + f" | {measured} | {kept} |")
    return "\n".join(rows) + "\n"


def told(spread: Spread) -> str:
    """ "12.8 (12.5 to 24.9)": three digits that count, all before the point."""
    return f"{digits(spread.median)} ({digits(spread.percentile_5)} to {digits(spread.percentile_95)})"


def digits(value: float) -> str:
    """With as many decimals as leave about three digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _cell(spread: Spread | None, base: Spread | None, is_base: bool) -> str:
    if spread is None:
        return "-"
    ratio = "" if base is None or is_base else f", {digits(spread.median / base.median)} x"
    return told(spread) + ratio
