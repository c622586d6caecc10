"""Docstrings are statements: none begins like a question."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("face_alignment_3d", "tests", "benchmarks", "docs", "examples")

_WORDS = "what|whether|how|who|whom|whose|which|where|when|why"
_QUESTION = re.compile(rf"({_WORDS})\b|(at|by|from|in|of|to) ({_WORDS})\b", re.IGNORECASE)


def _docstrings(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the strings that stand alone: docstrings, of attributes too, and of ``#:`` comments."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text.strip()
    lines = source.splitlines()
    for number, line in enumerate(lines, start=1):
        begins = number == 1 or not lines[number - 2].lstrip().startswith("#:")
        if begins and line.lstrip().startswith("#: "):
            yield number, line.lstrip()[3:]


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_state_what_a_thing_is(folder: str) -> None:
    questions = [
        f"{file.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line, text in _docstrings(file.read_text(encoding="utf-8"))
        if _QUESTION.match(text)
    ]
    assert not questions, "say what it is or does instead:\n" + "\n".join(questions)


def test_a_question_would_be_found() -> None:
    source = '"""A module."""\n#: How many\n#: What comes second is not looked at\ncount = 1\n"""Which."""\n'
    assert [line for line, text in _docstrings(source) if _QUESTION.match(text)] == [5, 2]
