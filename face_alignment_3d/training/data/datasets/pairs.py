"""Finding the photos of a set and the label files that belong to them."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from face_alignment_3d.errors import DataError

PHOTO_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png"})


def files_by_name(
    directory: Path, suffixes: Collection[str], *, ending: str = "", recursive: bool = False
) -> dict[str, Path]:
    """The files in ``directory`` with one of ``suffixes`` (lower case, with the dot), sorted, by their names.

    A name is the path below ``directory`` without the suffix and without ``ending``, which the stem must
    have: ``a_lm.csv`` is ``"a"`` where ``ending`` is ``"_lm"``. Hidden files are passed over.

    Raises DataError when the folder is not there, and when two files have one name.
    """
    if not directory.is_dir():
        raise DataError(f"expected a folder {directory}; got none there: give the folder that holds the set")
    found: dict[str, Path] = {}
    for folder, subfolders, files in os.walk(directory):
        subfolders[:] = sorted(subfolders) if recursive else []
        for file in sorted(files):
            path = Path(folder, file)
            if file.startswith(".") or path.suffix.lower() not in suffixes or not path.stem.endswith(ending):
                continue
            name = path.relative_to(directory).with_name(path.stem.removesuffix(ending)).as_posix()
            if name in found:
                raise DataError(
                    f"expected one file called {name}; got {found[name].name} and {file} in {folder}: "
                    "remove one"
                )
            found[name] = path
    return found


def require_pairs(
    photos: Mapping[str, Path],
    labels: Mapping[str, Path],
    directory: Path,
    *,
    every_photo: bool = True,
    kind: str = "photo",
) -> None:
    """Raises DataError, which names a file, unless there are labels and each of them has its photo.

    With ``every_photo`` each photo must have its labels too. ``directory`` is where they were looked for,
    ``kind`` what ``photos`` are called.
    """
    if not labels:
        raise DataError(
            f"expected label files in {directory}, got none; docs/datasets.md shows how each set is laid out"
        )
    _require_all(labels, photos, kind, directory)
    if every_photo:
        _require_all(photos, labels, "label file", directory)


def _require_all(files: Mapping[str, Path], partners: Mapping[str, Path], kind: str, directory: Path) -> None:
    alone = [path for name, path in files.items() if name not in partners]
    if alone:
        raise DataError(
            f"expected a {kind} for each of {len(files)} files; {len(alone)} have none in {directory}, the "
            f"first is {alone[0]}: get the set again, or remove the files that are alone"
        )
