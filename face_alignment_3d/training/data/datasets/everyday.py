"""Everyday photos, most of them without people: what a detector must find nothing in."""

from pathlib import Path
from typing import Final

EVERYDAY: Final = "everyday"

_PEOPLE: Final = Path(__file__).with_name("everyday_people.txt")


def names_with_people() -> frozenset[str]:
    """File names of the photos that show a person, a doll, a mask or a picture of one."""
    return frozenset(_PEOPLE.read_text("utf-8").split())


def everyday_photos(data: Path) -> list[Path]:
    """The everyday photos below ``data`` that show no people, by name."""
    people = names_with_people()
    return [file for file in sorted((data / EVERYDAY).glob("*.jpg")) if file.name not in people]
