"""Tables, promises and the chart of the speed benchmark."""

import numpy as np
import pytest
from timing.chart import draw_chart
from timing.contenders import TASKS
from timing.measuring import Measurement, Start
from timing.spread import Spread
from timing.table import digits, markdown, start_table, times
from timing.targets import START_BOXES, promises, split


def measured(contender, task, median, *, place="2 threads", detection=None):
    parts = {} if detection is None else {"detection": Spread(9, detection, detection, detection)}
    return Measurement(task, contender, place, Spread(9, median, 0.9 * median, 1.2 * median), parts)


RUN = [
    measured("ours, onnx", "crop", 4.0),
    measured("ours, torch", "crop", 8.0),
    measured("ours, onnx", "photo 640", 30.0, detection=25.0),
    measured("MediaPipe", "photo 640", 15.0),
    measured("ours, onnx", "batch 1", 5.0),
    measured("ours, onnx", "batch 32", 3.0),
    measured("ours, onnx", "crop", 7.0, place="1 thread"),
]
STARTS = [Start(START_BOXES, "ours, onnx", "2 threads", Spread(9, 1.2, 1.1, 1.4), 180.4, False)]


def test_medians_spreads_and_ratios_in_the_table():
    header, _, *rows = times(RUN, "2 threads", floor=2.5).splitlines()
    assert header.endswith("2 threads | ours, onnx | ours, torch | MediaPipe |")
    assert rows[0] == f"| {TASKS['crop']} | 4.00 (3.60 to 4.80) | 8.00 (7.20 to 9.60), 2.00 x | - |"
    assert rows[1] == f"| {TASKS['photo 640']} | 30.0 (27.0 to 36.0) | - | 15.0 (13.5 to 18.0), 0.50 x |"
    assert rows[-1] == "| floor of one face: its arithmetic alone | 2.50 | | |"
    assert len(rows) == 5, "no row for what nobody did"


def test_starts_in_the_table():
    assert "| ours, onnx, 2 threads | 1.20 (1.10 to 1.40) | 180 | no |" in start_table(STARTS)


def test_promises_kept_broken_and_not_measured():
    lines = {line.what: line for line in promises(RUN, STARTS, 2.0, "2 threads")}
    kept = {what: line.met for what, line in lines.items()}
    assert kept["one face, from its crop, onnx"] is True
    assert kept["the same over the floor"] is False
    assert lines["the same over the floor"].measured == pytest.approx(2)
    assert kept["one face, from its crop, torch"] is False
    assert kept["photo of 640 px, detection included, torch"] is None
    assert lines["a face of 32 in a batch over one alone, onnx"].measured == pytest.approx(0.6)
    assert kept[f"{START_BOXES}, onnx"] is True
    assert kept["imports of torch on that way"] is True
    assert lines["photo of 640 px, detection included, onnx"].remark == "detection 25.0 ms, landmarks 5.0 ms"


def test_an_import_of_torch_breaks_the_promise():
    imported = [Start(START_BOXES, "ours, onnx", "2 threads", Spread(1, 1, 1, 1), 900.0, True)]
    lines = {line.what: line.met for line in promises([], imported, None, "2 threads")}
    assert lines["imports of torch on that way"] is False
    assert lines["the same over the floor"] is None


def test_promises_of_nano_where_it_was_measured():
    assert not [line for line in promises(RUN, STARTS, 2.0, "2 threads") if "nano" in line.what]
    rows = [
        *RUN,
        measured("ours, nano, onnx", "crop", 1.5),
        measured("ours, nano, onnx", "crop", 3.0, place="1 thread"),
        measured("ours, nano, onnx", "photo 640", 18.0),
    ]
    lines = {line.what: line for line in promises(rows, STARTS, 2.0, "2 threads")}
    assert lines["nano, one face, from its crop, 2 threads"].met is True
    assert lines["nano, one face, from its crop, 1 thread"].met is False
    over = lines["nano, photo of 640 px, detection included, over MediaPipe"]
    assert over.measured == pytest.approx(1.2)


def test_the_whole_page():
    page = markdown(
        RUN,
        STARTS,
        promises(RUN, STARTS, 2.0, "2 threads"),
        floors={"1 thread": 5.0},
        notes=["so it is"],
        promised="2 threads",
    )
    assert "5 to 95 %), 1 thread |" in page
    assert "| the same over the floor | 1.6 times | 2.00 times | **no** |" in page
    assert "| not measured |" in page
    assert page.endswith("\n- so it is\n")
    for block in page.split("\n\n")[:-1]:
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) == 1, block


def test_split_is_empty_without_detection():
    assert split(RUN[0]) == ""


@pytest.mark.parametrize(("value", "text"), [(1.234, "1.23"), (12.34, "12.3"), (123.4, "123")])
def test_three_digits_count(value, text):
    assert digits(value) == text


def test_bars_are_as_long_as_the_logarithm_of_the_median():
    rows = [measured("ours, onnx", "crop", 10.0), measured("MediaPipe", "crop", 100.0)]
    rows.append(measured("face-alignment", "crop", 1000.0))
    pixels = np.asarray(draw_chart(rows, "2 threads")).astype(int)
    assert pixels.shape[1:] == (1100, 3)
    # From 1 to 10,000 ms there are four decades.
    decade = (1100 - 330 - 210) / 4
    assert bar_lengths(pixels, [0, 90, 180]) == pytest.approx([decade], abs=4)
    assert bar_lengths(pixels, [165, 170, 180]) == pytest.approx([2 * decade, 3 * decade], abs=4)


def bar_lengths(pixels, color):
    """Of the bars in this color, from the top; text and lines are narrower than 100 px."""
    of_rows = (np.abs(pixels - color).sum(axis=-1) < 12).sum(axis=1)
    runs = np.split(of_rows, np.flatnonzero(np.diff((of_rows > 100).astype(int))) + 1)
    return [int(run.max()) for run in runs if run.max() > 100]


def test_no_chart_of_nothing():
    with pytest.raises(ValueError, match="nothing was measured"):
        draw_chart(RUN, "CUDA")
