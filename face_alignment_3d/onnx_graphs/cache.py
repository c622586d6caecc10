"""ONNX files made from weight files on first use, kept in the user's cache; making them needs torch."""

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from face_alignment_3d.atomic import remove_leftovers, write_atomically
from face_alignment_3d.errors import BackendError
from face_alignment_3d.onnx_graphs.metadata import GRAPH_VERSION
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import HOME_VARIABLE, PinnedWeights, cache_directory, home_directory

#: A file in the cache, or the bytes of one that cannot be kept there.
Graph: TypeAlias = Path | bytes

_FOLDER: Final = "onnx"
#: Seconds after which a temporary file is taken for that of a process that was killed.
_LONGEST_WRITE: Final = 3600.0


def cascade_graph_file(weights: PinnedWeights) -> Graph:
    """The ONNX file of a weight file: from the cache, or made and put there.

    It is named after the SHA-256 of the weights and the version of the graph, so other weights, or another
    version of the library, never meet a file that is not theirs. See :func:`made_once`.

    Raises :class:`WeightsError` when the weights cannot be loaded and :class:`BackendError` when the file has
    to be made and torch or the packages that write ONNX are missing.
    """

    def make() -> bytes:
        from face_alignment_3d.onnx_graphs.cascade_graph import cascade_graph

        return cascade_graph(weights.path, sha256=weights.sha256)

    name = f"cascade-{weights.sha256[:16]}-v{GRAPH_VERSION}.onnx"
    return made_once(graph_folder() / name, make, command="face-alignment-3d export onnx NAME -o FILE.onnx")


def graph_folder() -> Path:
    """The folder of ONNX files: below ``$FACE_ALIGNMENT_3D_HOME`` if set, else in the user's cache."""
    folder = home_directory(os.environ) or cache_directory()
    if folder is None:
        raise BackendError(
            "this user has no home folder to keep ONNX files in; set FACE_ALIGNMENT_3D_HOME to a folder that "
            "can be written to, or pass the path of a file that `face-alignment-3d export onnx` wrote"
        )
    return folder / _FOLDER


def made_once(file: Path, make: Callable[[], bytes], *, command: str) -> Graph:
    """``file``, written with the result of ``make`` if it is missing or its content has changed.

    Its SHA-256 lies beside it in ``<file>.sha256``; a file that does not agree with it, or has none, is made
    again. Where the folder cannot be written to, a warning says so and the bytes are returned instead.
    Processes that make it at the same time do so twice, and neither sees a part of a file.
    """
    digest_file = file.with_name(f"{file.name}.sha256")
    if _is_intact(file, digest_file):
        return file
    try:
        content = make()
    except ImportError as error:
        state = "damaged" if file.exists() else "not there yet"
        raise BackendError(
            f"{file} is {state}, and making it needs torch ({error}); make it where torch is installed "
            f"with `{command}` and pass its path"
        ) from error
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
        write_atomically(digest_file, f"{hashlib.sha256(content).hexdigest()}\n".encode())
        remove_leftovers(file.parent, older_than=_LONGEST_WRITE)
    except OSError as error:
        warnings.warn(
            f"cannot keep {file} ({error}), so each process makes it anew; set {HOME_VARIABLE} to a folder "
            f"that can be written to, or run `{command}` and pass the path",
            RuntimeWarning,
            stacklevel=2,
        )
        return content
    return file


def _is_intact(file: Path, digest_file: Path) -> bool:
    try:
        return digest_file.read_text("ascii").strip() == sha256_of(file)
    except (OSError, UnicodeDecodeError):
        return False
