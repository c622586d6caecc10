"""The blocks of code in the documents."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "MODEL_CARD.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = "face-alignment-3d"


class Block(NamedTuple):
    """One fenced block."""

    language: str
    text: str
    line: int
    """The line of its first line of text."""


def blocks(document: Path) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    content = document.read_text(encoding="utf-8")
    for match in re.finditer(r"^```([\w{}]*)\n(.*?)^```", content, re.M | re.S):
        yield Block(match[1], match[2], content.count("\n", 0, match.start(2)) + 1)


def command_lines(document: Path) -> list[str]:
    """The lines of shell blocks, those that end in a backslash or go on indented joined, without comments."""
    lines: list[str] = []
    for block in blocks(document):
        if block.language == "sh":
            joined = re.sub(r"\\\n\s*|\n\s+", " ", block.text)
            lines += [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return lines


def words_of(line: str) -> list[str]:
    """A command's words, without comments and without variables that are set before it."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_0-9]+=.*", words[0]):
        words.pop(0)
    return words
