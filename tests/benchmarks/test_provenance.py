"""Recorded commands can be typed in any checkout: they have no absolute paths."""

import json
import re
from pathlib import Path

import pytest
from provenance import relative_to_repository

ROOT = Path(__file__).parent.parent.parent.resolve()


def test_paths_are_those_from_the_repository():
    words = [str(ROOT / "benchmarks" / "pose.py"), "--data", str(ROOT.parent / "data"), "--limit", "3", "a/b"]
    assert relative_to_repository(words) == ["benchmarks/pose.py", "--data", "../data", "--limit", "3", "a/b"]


RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.name)
def test_recorded_commands_have_no_absolute_paths(file):
    text = json.dumps(json.loads(file.read_text(encoding="utf-8")).get("command", ""))
    assert not re.search(r"[ =\"](/|[A-Z]:\\\\)", text)
