"""The tables of the batches' speed, and the document that quotes them."""

import json
from pathlib import Path

import pytest
from batch_report import BEGIN, END, Measured, Report, document_with, markdown, report_of

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "batch.json"
PROVENANCE = {
    **{"command": "python benchmarks/batch.py", "date": "2026-01-02", "machine": "a machine"},
    **{"weights": "lite.safetensors", "versions": {"python": "3.11", "opencv": "4.8", "numpy": "1.26"}},
}


def measured(name: str, cores: int, seconds: float, *, equal: bool = True) -> Measured:
    is_ray = name.startswith("Ray")
    cpu = None if is_ray else 40.0
    return Measured(
        name, cores, is_ray, seconds, 2.5, [seconds], 3600 / seconds, cpu, 7, equal, 0.0 if equal else 2e-4
    )


REPORT = Report(
    PROVENANCE,
    0.1,
    "onnx",
    3600,
    (250, 640),
    0.05,
    2,
    [
        measured("1 process, 1 thread", 1, 180),
        measured("1 process, 2 threads", 2, 120, equal=False),
        measured("2 processes, 1 thread each", 2, 90),
        measured("Ray on this machine, 2 actors", 2, 108),
    ],
)


def test_speed_ups_and_costs() -> None:
    text = markdown(REPORT)
    # 40 photos a second on two cores: 25,000 s for a million, 13.9 core hours.
    assert (
        "| 2 processes, 1 thread each | 90.0 | 2.5 | 40.0 | 40.0 | 2.00 x | 13.9 | 0.69 | equal to the bit |"
        in text
    )
    assert (
        "| 1 process, 2 threads | 120.0 | 2.5 | 30.0 | 40.0 | 1.50 x | 18.5 | 0.93 | "
        "landmarks equal to 0.0002 px |" in text
    )
    assert "| Ray on this machine, 2 actors | 108.0 | 2.5 | 33.3 | - |" in text


def test_promises() -> None:
    lines = [line for line in markdown(REPORT).splitlines() if line.endswith("kept |")]
    assert [line.split("|")[3].strip() for line in lines] == ["2.00 x", "20%"]
    assert [line.endswith("not kept |") for line in lines] == [False, True]


def test_the_day_of_larger_machines() -> None:
    lines = markdown(REPORT).splitlines()
    assert lines[-2] == "| a million photos | 6.9 h | 1.7 h | 0.4 h | 0.1 h |"
    assert lines[-1] == "| a day | 3.5 million | 13.8 million | 55.3 million | 165.9 million |"


def test_a_document_gets_the_tables_once() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    filled = document_with(text, REPORT)
    assert filled == f"before\n{BEGIN}\n\n{markdown(REPORT)}\n\n{END}\nafter\n"
    assert document_with(filled, REPORT) == filled
    with pytest.raises(ValueError, match="expected a document with"):
        document_with("no marks", REPORT)


def test_the_document_quotes_what_was_measured() -> None:
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    if RESULTS.is_file():
        assert document_with(text, report_of(json.loads(RESULTS.read_text(encoding="utf-8")))) == text
    else:
        block = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
        assert not any(letter.isdigit() for letter in block.replace("--count 2000", ""))
