"""Identifiers and options use the field's terms, in one spelling; words that were given up stay away."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("face_alignment_3d", "tests", "benchmarks", "docs", "examples", "web")

#: Word -> the term to use.
GIVEN_UP = {
    "likeness": "similarity",
    "believed": "valid, weight",
    "taught": "distilled, teacher",
    "verdict": "label source",
    "judge": "select, classify",
    "judged": "selected",
    "judging": "selection",
    "odds": "probability, weights",
    "surprise": "innovation",
    "news": "innovation, residual",
    "spoilt": "perturbed",
    "circumstances": "provenance",
    "profiling": "novel views (profiling means timing)",
    "cutting": "pruning",
    # One spelling.
    "colour": "color",
    "colours": "colors",
    "centre": "center",
    "centres": "centers",
    "centred": "centered",
    "grey": "gray",
    "neighbour": "neighbor",
    "neighbours": "neighbors",
    "behaviour": "behavior",
    "normalise": "normalize",
    "normalised": "normalized",
    "initialise": "initialize",
    "optimise": "optimize",
    "rasterise": "render",
}
#: The same of whole names and options.
GIVEN_UP_NAMES = {
    "film_reader": "video_reader",
    "film_frame": "video_frame",
    "film_writer": "video_writer",
    "film_record": "frame_writer",
    "recorded_film": "video_info",
    "look_every": "alignment_interval",
    "detect_every": "detection_interval",
    "search_every": "redetection_interval",
    "keep_lost": "max_lost_seconds",
    "crop_extension": "crop_scale",
    "in_torch": "torch_backend",
    "made_data": "derived_data",
    "evenly_spread": "subsample",
}

#: Logarithms of odds are a term of the field.
_ALLOWED = re.compile(r"log_odds")


def _identifiers(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of all names in the source, and of the options in its strings."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for option in re.findall(r"(?<!\S)--([a-z][a-z-]+)", node.value):
                yield node.lineno, option.replace("-", "_")


def _given_up(name: str) -> str | None:
    """The term to use in place of a name, or of a word of it; None where all is well."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if snake.strip("_") in GIVEN_UP_NAMES:
        return GIVEN_UP_NAMES[snake.strip("_")]
    words = _ALLOWED.sub("", snake).split("_")
    return next((GIVEN_UP[word] for word in words if word in GIVEN_UP), None)


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_the_fields_terms(folder: str) -> None:
    files = [file for file in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in file.parts]
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}: say {term}"
        for file in files
        if file != Path(__file__)
        for line, name in _identifiers(file.read_text(encoding="utf-8"))
        if (term := _given_up(name)) is not None
    ]
    found += [
        f"{file.relative_to(ROOT)}: say {term}"
        for file in files
        if (term := _given_up(file.stem)) is not None
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "judge = 1",
        "class FilmReader: pass",
        "def first(filmFrame): pass",
        "f(keep_lost=1)",
        "x.colour_of",
        "parser.add_argument('--look-every')",
        "from face_alignment_3d.judging import MIN",
    ],
)
def test_a_word_that_was_given_up_is_found(source: str) -> None:
    assert any(_given_up(name) for _, name in _identifiers(source))


def test_other_words_are_left_alone() -> None:
    source = "'''A verdict, in colour.'''\ndef _log_odds(oddsmaker, coloring): ...  # judged\n"
    assert not any(_given_up(name) for _, name in _identifiers(source))
