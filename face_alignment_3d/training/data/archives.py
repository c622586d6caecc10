"""The .npz files of a data folder: read with errors that name the file, written whole or not at all."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import DataError

Array = npt.NDArray[Any]


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """The arrays called ``names`` of the .npz archive at ``path``; raises DataError if any is missing."""
    try:
        archive = np.load(path)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            return {name: archive[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"expected an .npz archive of {', '.join(names)} in {path}, got {error}; get the file again, or "
            "give the folder that docs/training.md describes"
        ) from error


def require_shape(path: Path, name: str, array: Array, shape: Sequence[int | None]) -> None:
    """Raises DataError unless ``array`` is finite and of ``shape``, where None stands for any length."""
    wanted = ", ".join("N" if length is None else str(length) for length in shape)
    fits = array.ndim == len(shape) and all(
        length in (None, found) for length, found in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise DataError(
            f"expected {name} of shape ({wanted}) in {path}, got {array.shape}; get the file again"
        )
    if not np.issubdtype(array.dtype, np.number):
        raise DataError(f"expected numbers as {name} in {path}, got {array.dtype}; get the file again")
    broken = np.flatnonzero(~np.isfinite(array).all(axis=tuple(range(1, array.ndim))))
    if broken.size:
        raise DataError(
            f"expected finite {name} in {path}, got NaN or infinity in {broken.size} of {len(array)} "
            f"entries, the first is entry {broken[0]}; repair or leave out those"
        )


def require_files(directory: Path, names: Sequence[str], *, index: Path) -> None:
    """Raises DataError unless ``directory`` holds every file of ``names``, as ``index`` says it does."""
    missing = [name for name in names if not (directory / name).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(names)} photos named in {index} are not in {directory}, the first "
            f"is {missing[0]}; get the photos again"
        )


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Writes an .npz archive that :func:`read_arrays` reads, whole or not at all; same arrays, same bytes.

    Raises OSError when the folder is missing or cannot be written to.
    """
    content = io.BytesIO()
    # The stubs take every keyword for the option after the arrays.
    np.savez(content, **arrays)  # type: ignore[arg-type]
    write_atomically(path, content.getvalue())
