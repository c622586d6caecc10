"""Photos for tests of the command line, and the results for them."""

import csv
from pathlib import Path

from PIL import Image


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def rows_of(table: Path) -> list[str]:
    with table.open(encoding="utf-8", newline="") as handle:
        return [Path(row["image"]).name for row in csv.DictReader(handle)]


def photo(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (200, 150, 120)).save(file, "PNG")
    return file
