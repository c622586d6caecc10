"""ONNX files made from weight files on first use, kept in the user's cache; making them needs torch."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.detection.mtcnn_onnx import FILE_NAMES
from face_alignment_3d.errors import BackendError, WeightsError
from face_alignment_3d.onnx_graphs.metadata import GRAPH_VERSION
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import cache_directory, home_directory

_FOLDER: Final = "onnx"


def cascade_graph_file(weights: Path) -> Path:
    """The ONNX file of a weight file: from the cache, or made and put there.

    It is named after the SHA-256 of the weights and the version of the graph, so other weights, or another
    version of the library, never meet a file that is not theirs.

    Raises :class:`WeightsError` when the weights cannot be loaded or the folder cannot be written to, and
    :class:`BackendError` when the file has to be made and torch or the packages that write ONNX are missing.
    """

    def make() -> bytes:
        from face_alignment_3d.onnx_graphs.cascade_graph import cascade_graph

        return cascade_graph(weights)

    name = f"cascade-{sha256_of(weights)[:16]}-v{GRAPH_VERSION}.onnx"
    return made_once(graph_folder() / name, make, command="face-alignment-3d export onnx NAME -o FILE.onnx")


def detector_graph_folder() -> Path:
    """The folder of MTCNN's ONNX files: the cache's, where they are made if they are not there.

    Raises as :func:`cascade_graph_file`.
    """
    folder = graph_folder() / f"mtcnn-v{GRAPH_VERSION}"
    made: dict[str, bytes] = {}

    def make(name: str) -> bytes:
        if not made:
            from face_alignment_3d.onnx_graphs.detector_graphs import detector_graphs

            made.update(detector_graphs())
        return made[name]

    for name in FILE_NAMES.values():
        made_once(folder / name, partial(make, name), command="face-alignment-3d export onnx mtcnn -o FOLDER")
    return folder


def graph_folder() -> Path:
    """Where ONNX files are kept: below ``$FACE_ALIGNMENT_3D_HOME`` if set, else in the user's cache."""
    folder = home_directory(os.environ) or cache_directory()
    if folder is None:
        raise BackendError(
            "this user has no home folder to keep ONNX files in; set FACE_ALIGNMENT_3D_HOME to a folder that "
            "can be written to, or pass the path of a file that `face-alignment-3d export onnx` wrote"
        )
    return folder / _FOLDER


def made_once(file: Path, make: Callable[[], bytes], *, command: str) -> Path:
    """``file``, filled with what ``make`` returns if it is not there yet; whole or not at all.

    Two processes may both make it, which wastes seconds and changes nothing.
    """
    if file.is_file():
        return file
    try:
        content = make()
    except ImportError as error:
        raise BackendError(
            f"{file} is not there yet, and making it needs torch ({error}); make it where torch is installed "
            f"with `{command}` and pass its path"
        ) from error
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
    except OSError as error:
        raise WeightsError(
            f"cannot write {file}: {error}; set FACE_ALIGNMENT_3D_HOME to a folder that can be written to, "
            f"or run `{command}` and pass the path"
        ) from error
    return file
