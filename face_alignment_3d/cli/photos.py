"""From what stands on the command line to photos, and a name for each one's results."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from face_alignment_3d.errors import ImageError

#: What our own drawings end in. Folders are searched without them, lest a second run draws on them.
DRAWING_ENDING: Final = "_landmarks.png"

_SUFFIXES: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pnm", ".jp2", ".avif", ".heic", ".heif"),
)


@dataclass(frozen=True)
class Photo:
    """A picture file and where its results go."""

    path: Path
    name: str
    """Path below the output folder, without an ending: ``<name>.json``. No two photos share one."""


def find_photos(arguments: Sequence[str]) -> list[Photo]:
    """The photos that ``arguments`` mean: files, folders (searched to the bottom) and glob patterns.

    A file is taken whatever it is called, and even if there is none of that name, so that reading it says
    what is wrong; from folders and patterns only names that end like pictures are. Results are named after
    the photo, in the sub-folders of a searched folder; photos whose names would clash keep as much of their
    path as tells them apart. Raises :class:`ImageError` when nothing is found.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    for argument in arguments:
        matches = _expand(argument)
        if not matches:
            raise ImageError(f"no photo in {argument!r}; looked for names ending in {' '.join(_SUFFIXES)}")
        for path, below in matches:
            found.setdefault(path.resolve(), (path, below))
    names = _distinct_names([(resolved, below) for resolved, (_, below) in found.items()])
    return [Photo(path, name) for (path, _), name in zip(found.values(), names, strict=True)]


def _expand(argument: str) -> list[tuple[Path, Path]]:
    """(photo, its path below the folder that was asked for)."""
    path = Path(argument)
    if path.is_dir():
        return _search(path)
    if path.exists() or not glob.has_magic(argument):
        return [(path, Path(path.name))]
    matches: list[tuple[Path, Path]] = []
    # The pattern may be absolute, which Path.glob refuses.
    for match in sorted(Path(text) for text in glob.glob(argument, recursive=True)):  # noqa: PTH207
        if match.is_dir():
            # With ** the pattern itself goes down the tree.
            matches += [] if "**" in argument else _search(match)
        elif _is_photo(match):
            matches.append((match, Path(match.name)))
    return matches


def _search(folder: Path) -> list[tuple[Path, Path]]:
    files = (path for path in sorted(folder.rglob("*")) if _is_photo(path) and path.is_file())
    return [(path, path.relative_to(folder)) for path in files]


def _is_photo(path: Path) -> bool:
    return (
        path.suffix.lower() in _SUFFIXES
        and not path.name.startswith(".")
        and not path.name.endswith(DRAWING_ENDING)
    )


def _distinct_names(photos: Sequence[tuple[Path, Path]]) -> list[str]:
    """A name for each (absolute path, preferred path); those that clash try their next longer name."""
    common = os.path.commonpath([path.parent for path, _ in photos])
    choices = []
    for path, below in photos:
        full = path.relative_to(common)
        choices.append([str(below.with_suffix("")), str(full.with_suffix("")), str(full)])
    chosen = [0] * len(photos)
    while True:
        names = [options[index] for options, index in zip(choices, chosen, strict=True)]
        uses = Counter(name.casefold() for name in names)
        clashing = [i for i, name in enumerate(names) if uses[name.casefold()] > 1 and chosen[i] < 2]
        if not clashing:
            return names
        for i in clashing:
            chosen[i] += 1
