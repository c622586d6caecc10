"""The library's promises of its speed on two cores, beside the measured values."""

from collections.abc import Sequence
from dataclasses import dataclass

from timing.measuring import Measurement, Start

#: Starts as tables call them.
START_BOXES = "start to the first landmarks, box given"
START_PHOTO = "start to the first landmarks, with detection"


#: Nano as a contender.
NANO = "ours, nano, onnx"


@dataclass(frozen=True)
class Promise:
    """One line: whether ``measured`` is at most ``limit``."""

    what: str
    limit: float
    unit: str
    measured: float | None
    """None where it was not measured."""
    remark: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.measured is None else self.measured <= self.limit


def promises(
    measurements: Sequence[Measurement], starts: Sequence[Start], floor: float | None, place: str
) -> list[Promise]:
    """All lines for the library at ``place`` ("2 threads"); ``floor`` in milliseconds there."""
    found = {(m.contender, m.task): m for m in measurements if m.place == place}
    begun = {(s.contender, s.what): s for s in starts if s.place == place}

    def median(runtime: str, task: str) -> float | None:
        measurement = found.get((f"ours, {runtime}", task))
        return None if measurement is None else measurement.spread.median

    def over(value: float | None, base: float | None) -> float | None:
        return None if value is None or base is None else value / base

    crop = median("onnx", "crop")
    lines = [
        Promise("one face, from its crop, onnx", 5.0, "ms", crop),
        Promise("the same over the floor", 1.6, "times", over(crop, floor)),
        Promise("one face, from its crop, torch", 7.0, "ms", median("torch", "crop")),
    ]
    for runtime in ("onnx", "torch"):
        measurement = found.get((f"ours, {runtime}", "photo 640"))
        remark = "" if measurement is None else split(measurement)
        lines.append(
            Promise(
                f"photo of 640 px, detection included, {runtime}",
                45.0,
                "ms",
                median(runtime, "photo 640"),
                remark,
            )
        )
    for runtime in ("onnx", "torch"):
        share = over(median(runtime, "batch 32"), median(runtime, "batch 1"))
        lines.append(Promise(f"a face of 32 in a batch over one alone, {runtime}", 0.7, "times", share))
    if (NANO, "crop") in found:
        lines += _of_nano(measurements, place)
    start = begun.get(("ours, onnx", START_BOXES))
    imported = None if start is None else float(start.torch)
    lines += [
        Promise(f"{START_BOXES}, onnx", 1.5, "s", None if start is None else start.seconds.median),
        Promise("imports of torch on that way", 0.0, "", imported),
    ]
    return lines


def _of_nano(measurements: Sequence[Measurement], place: str) -> list[Promise]:
    medians = {(m.contender, m.task, m.place): m.spread.median for m in measurements}

    def median(contender: str, task: str, where: str) -> float | None:
        return medians.get((contender, task, where))

    lines = [
        Promise(f"nano, one face, from its crop, {where}", limit, "ms", median(NANO, "crop", where))
        for where, limit in (("2 threads", 1.8), ("1 thread", 2.8))
    ]
    peers = [
        value
        for (contender, task, where), value in medians.items()
        if contender.startswith("MediaPipe")
        and "refined" not in contender
        and (task, where) == ("photo 640", place)
    ]
    nano = median(NANO, "photo 640", place)
    over = nano / peers[0] if nano is not None and peers else None
    return [*lines, Promise("nano, photo of 640 px, detection included, over MediaPipe", 1.3, "times", over)]


def split(measurement: Measurement) -> str:
    """The time of detection, and the rest for crops and landmarks; "" where it is not known."""
    detection = measurement.parts.get("detection")
    if detection is None:
        return ""
    rest = measurement.spread.median - detection.median
    return f"detection {detection.median:.1f} ms, landmarks {rest:.1f} ms"
