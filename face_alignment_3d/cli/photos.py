"""Finding the photos that the command line names, and naming their results."""

import glob
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from face_alignment_3d.errors import ImageError
from face_alignment_3d.image_file import PICTURE_ENDINGS

#: Ending of our own drawings. Searches leave these files out, so that a second run does not draw on them.
DRAWING_ENDING: Final = "_landmarks.png"

#: Files of the second face of ``a.png`` and further ones are named after ``a.face1``.
_FURTHER_FACE: Final = re.compile(r"(.+)\.face[0-9]+")


@dataclass(frozen=True)
class Photo:
    """A picture file and where its results go."""

    path: Path
    name: str
    """Path below the output folder, without an ending: ``<name>.json``. No two photos share a name, and none
    has the name of another photo's further faces, ``<name>.face1``."""
    problem: str | None = None
    """The reason why the photo cannot be read, such as a folder that may not be opened; then there is no
    name."""


@dataclass(frozen=True)
class _Found:
    path: Path
    below: Path | None
    """The path below the folder that was asked for; None for what cannot be a photo."""
    problem: str | None = None


def find_photos(arguments: Sequence[str]) -> list[Photo]:
    """The photos that ``arguments`` mean: files, folders (searched to the bottom) and glob patterns.

    A file is taken whatever it is called, and even if there is none of that name, so that reading it says
    what is wrong; from folders and patterns only names that end like pictures are. Links to folders are
    followed, each folder being searched once. A folder that may not be opened is one photo with a problem.
    Results are named after the photo, in the sub-folders of a searched folder; photos whose names would clash
    keep as much of their path as tells them apart. Raises :class:`ImageError` when nothing is found.
    """
    found: dict[str, _Found] = {}
    for argument in arguments:
        matches = _expand(argument) if argument else []
        if not matches:
            raise ImageError(
                f"no photo in {argument!r}; looked for names ending in {' '.join(PICTURE_ENDINGS)}"
            )
        for match in matches:
            found.setdefault(os.path.realpath(match.path), match)
    named = {real: match.below for real, match in found.items() if match.below is not None}
    distinct = _distinct_names([(Path(real), below) for real, below in named.items()])
    names = dict(zip(named, distinct, strict=True))
    return [Photo(match.path, names.get(real, ""), match.problem) for real, match in found.items()]


def _expand(argument: str) -> list[_Found]:
    path = Path(argument)
    # Path.is_dir raises for a file in a folder that may not be entered.
    if os.path.isdir(argument):  # noqa: PTH112
        return list(_search(path))
    if os.path.lexists(argument) or not glob.has_magic(argument):
        return [_Found(path, Path(path.name))]
    matches: list[_Found] = []
    # The pattern may be absolute, which Path.glob refuses.
    for match in sorted(Path(text) for text in glob.glob(argument, recursive=True)):  # noqa: PTH207
        if os.path.isdir(match):  # noqa: PTH112
            # With ** the pattern itself goes down the tree.
            matches += [] if "**" in argument else _search(match)
        elif _is_photo(match):
            matches.append(_Found(match, Path(match.name)))
    return matches


def _search(top: Path) -> Iterator[_Found]:
    """The photos below ``top``, and the folders below it that cannot be opened, sorted by path."""
    found: list[_Found] = []

    def note(error: OSError) -> None:
        folder = Path(error.filename)
        problem = f"cannot open the folder {folder}: {error.strerror}; check its permissions"
        found.append(_Found(folder, None, problem))

    # Linked folders come after all others, so that a photo is called after its own place rather than a link.
    waiting, searched = [top], set[str]()
    while waiting:
        for root, folders, files in os.walk(waiting.pop(0), onerror=note):
            if os.path.realpath(root) in searched:
                folders.clear()
                continue
            searched.add(os.path.realpath(root))
            folder = Path(root)
            waiting += sorted(folder / name for name in folders if (folder / name).is_symlink())
            paths = [folder / name for name in files]
            found += [_Found(path, path.relative_to(top)) for path in paths if _is_photo(path)]
    yield from sorted(found, key=lambda match: match.path)


def _is_photo(path: Path) -> bool:
    """True if the name is that of a photo. Pipes and devices are none; broken links are and fail later."""
    return (
        path.suffix.lower() in PICTURE_ENDINGS
        and not path.name.startswith(".")
        and not path.name.endswith(DRAWING_ENDING)
        and (os.path.isfile(path) or path.is_symlink())  # noqa: PTH113
    )


def _distinct_names(photos: Sequence[tuple[Path, Path]]) -> list[str]:
    """A name for each (absolute path, preferred path); those that clash try their next longer name."""
    common = os.path.commonpath([path.parent for path, _ in photos]) if photos else ""
    choices = []
    for path, below in photos:
        full = path.relative_to(common)
        choices.append([str(below.with_suffix("")), str(full.with_suffix("")), str(full)])
    chosen = [0] * len(photos)
    while clashing := _clashing([options[index] for options, index in zip(choices, chosen, strict=True)]):
        for i in clashing:
            chosen[i] += 1
            # Paths may differ in case alone, or in how letters are composed.
            if chosen[i] == len(choices[i]):
                choices[i].append(f"{choices[i][-1]}~{i}")
    return [options[index] for options, index in zip(choices, chosen, strict=True)]


def _clashing(names: Sequence[str]) -> list[int]:
    """The indices of names that another photo has too, or that are those of another photo's further faces."""
    keys = [_on_disk(name) for name in names]
    uses = Counter(keys)
    further = [_FURTHER_FACE.fullmatch(key) for key in keys]
    return [i for i, key in enumerate(keys) if uses[key] > 1 or ((match := further[i]) and match[1] in uses)]


def _on_disk(name: str) -> str:
    """A form of the name that is equal for names that some file systems treat as the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
