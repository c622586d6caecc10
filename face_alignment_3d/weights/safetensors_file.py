"""The common form of all weight files: a safetensors container with metadata in its header.

Files in other formats are recognized for error messages. Nothing is ever unpickled, and nothing here needs
torch.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import safetensors

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import WeightsError

#: The format name in a file of blendshapes, which loaders of cascades recognize in their error message.
BLENDSHAPES_FORMAT: Final = "face-alignment-3d blendshapes"
#: The same of the detector's network.
SCOUT_FORMAT: Final = "face-alignment-3d scout"


def read_metadata(path: Path) -> Mapping[str, str]:
    """The metadata of a weight file; reads its header only.

    Raises :class:`WeightsError` when there is no such file or it is not safetensors.
    """
    if not path.is_file():
        raise WeightsError(f"there is no weight file {path}; check the path")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return MappingProxyType(dict(file.metadata() or {}))
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise unreadable(path, error) from error


def merged_metadata(own: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The library's metadata of a file, with those that its maker adds.

    Raises :class:`WeightsError` for a key that both have, and for values that are not text.
    """
    if clashing := sorted(own.keys() & given.keys()):
        raise WeightsError(f"metadata may not set {', '.join(clashing)}: the library writes these itself")
    for key, value in given.items():
        if not isinstance(value, str):
            raise WeightsError(f"metadata must map strings to strings; {key!r} is {value!r}")
    return {**own, **given}


def write_weight_file(path: Path, content: bytes) -> None:
    """Writes a safetensors file, whole or not at all; the same tensors and metadata give the same bytes.

    Raises :class:`WeightsError` when it cannot be written.
    """
    try:
        write_atomically(path, _with_sorted_metadata(content))
    except OSError as error:
        raise WeightsError(f"cannot write weights to {path}: {error}") from error


def _with_sorted_metadata(content: bytes) -> bytes:
    """The same safetensors file with its header's metadata in alphabetical order.

    The library writes it in the order of a randomly seeded hash table, so that two saves of the same weights
    would differ in their SHA-256.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def listing(names: list[str], most: int = 5) -> str:
    """The first of the names, and the number of the others."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def unreadable(path: Path, error: Exception) -> WeightsError:
    """A :class:`WeightsError` that says what format the file seems to have instead."""
    try:
        with path.open("rb") as handle:
            start = handle.read(64)
    except OSError:
        start = b""
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        return WeightsError(
            f"{path} looks like a pickled PyTorch checkpoint; expected safetensors. Pickles are never "
            "loaded, since that runs whatever code they hold; export the model with save_cascade"
        )
    if start.lstrip()[:1] == b"<":
        return WeightsError(
            f"{path} looks like a web page; expected safetensors. The download met an error or login page: "
            "fetch the file again"
        )
    return WeightsError(f"{path} is not a complete safetensors file ({error}); fetch or export it again")
