"""The common form of all weight files: a safetensors container with metadata in its header.

A file is read once: what is checked is what is loaded, whatever happens to the file meanwhile. Files in other
formats are recognized for error messages. Nothing is ever unpickled, and nothing here needs torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.paths import is_file

#: The format name in a file of blendshapes, which loaders of cascades recognize in their error message.
BLENDSHAPES_FORMAT: Final = "face-alignment-3d blendshapes"
#: The same of the detector's network.
SCOUT_FORMAT: Final = "face-alignment-3d scout"

#: safetensors' names of the types that weights may be stored in, and numpy's.
_FLOATS: Final = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
#: Bytes; several times the largest preset. Larger files are refused before they fill the memory.
_LARGEST: Final = 1 << 31


@dataclass(frozen=True, eq=False)
class WeightFile:
    """The content of a weight file, as :func:`read_weight_file` read it."""

    path: Path
    sha256: str
    """SHA-256 of the content, 64 lower-case hexadecimal digits."""
    metadata: Mapping[str, str]
    _parts: "list[tuple[str, dict[str, Any]]]" = field(repr=False)

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """Name -> float32 array. Raises :class:`WeightsError` for tensors of other types than floats."""
        tensors = {}
        for name, part in self._parts:
            if part["dtype"] not in _FLOATS:
                raise WeightsError(
                    f"{self.path} cannot be used: tensor {name} is of type {part['dtype']}; expected "
                    f"{', '.join(_FLOATS)}"
                )
            values = np.frombuffer(part["data"], _FLOATS[part["dtype"]]).reshape(part["shape"])
            with np.errstate(over="ignore"):  # Infinities are found by check_tensors.
                tensors[name] = values.astype(np.float32)
        return tensors


def read_weight_file(path: Path, *, sha256: str | None = None) -> WeightFile:
    """Reads a weight file as a whole. With ``sha256``, its content must have that SHA-256.

    Raises :class:`WeightsError` when there is no such file, when it is not safetensors, and when it has
    another SHA-256.
    """
    if not is_file(path):
        raise WeightsError(f"there is no weight file {path}; check the path")
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise WeightsError(f"{path} has {size} bytes, more than any weights; check the path")
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise WeightsError(
            f"{path} should have SHA-256 {sha256}; it has {digest}: it was changed while it was being "
            "loaded. Load it again once nothing writes to it"
        )
    try:
        parts = safetensors.deserialize(content)
    except (safetensors.SafetensorError, ValueError) as error:
        raise _unreadable(path, content, error) from error
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__") or {}
    return WeightFile(path, digest, MappingProxyType(metadata), parts)


def read_metadata(path: Path) -> Mapping[str, str]:
    """The metadata of a weight file. Raises as :func:`read_weight_file`."""
    return read_weight_file(path).metadata


def check_tensors(
    found: Mapping[str, npt.NDArray[np.floating[Any]]], expected: Mapping[str, tuple[int, ...]], label: str
) -> None:
    """Raises :class:`WeightsError` unless these are tensors of the ``expected`` names and shapes, all finite.

    ``label`` begins the message.
    """
    problems = []
    if missing := sorted(expected.keys() - found.keys()):
        problems.append(f"lacks {_listing(missing)}")
    if unexpected := sorted(found.keys() - expected.keys()):
        problems.append(f"has the unknown {_listing(unexpected)}")
    both = sorted(expected.keys() & found.keys())
    if reshaped := [
        f"{name} {found[name].shape} instead of {expected[name]}"
        for name in both
        if found[name].shape != expected[name]
    ]:
        problems.append(f"has other shapes: {_listing(reshaped)}")
    if wild := [name for name in both if not np.isfinite(found[name]).all()]:
        problems.append(f"has values that are not finite in {_listing(wild)}")
    if problems:
        raise WeightsError(f"{label} cannot be used: it {'; it '.join(problems)}")


def write_weight_file(
    path: Path,
    tensors: Mapping[str, npt.NDArray[np.floating[Any]]],
    *,
    own: Mapping[str, str],
    given: Mapping[str, str],
) -> None:
    """Writes a weight file, whole or not at all; the same tensors and metadata give the same bytes.

    ``own`` is the library's metadata, ``given`` what the file's maker adds. Raises :class:`WeightsError` for
    a key that both have, for values that are not text, and when the file cannot be written.
    """
    if clashing := sorted(own.keys() & given.keys()):
        raise WeightsError(f"metadata may not set {', '.join(clashing)}: the library writes these itself")
    for key, value in given.items():
        if not isinstance(value, str):
            raise WeightsError(f"metadata must map strings to strings; {key!r} is {value!r}")
    content = safetensors.numpy.save(dict(tensors), {**own, **given})
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


def _listing(names: list[str], most: int = 5) -> str:
    """The first of the names, and the number of the others."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _unreadable(path: Path, content: bytes, error: Exception) -> WeightsError:
    """A :class:`WeightsError` that says what format the file seems to have instead."""
    # The third byte of a pickle is an operation, that of safetensors a part of a length: mostly zero.
    is_pickle = content[:1] == b"\x80" and content[2:3] != b"\0" and content[8:9] != b"{"
    if content[:4] == b"PK\x03\x04" or is_pickle:
        return WeightsError(
            f"{path} looks like a pickled PyTorch checkpoint; expected safetensors. Pickles are never "
            "loaded, since that runs whatever code they hold; export the model with save_cascade"
        )
    if content[:64].lstrip()[:1] == b"<":
        return WeightsError(
            f"{path} looks like a web page; expected safetensors. The download met an error or login page: "
            "fetch the file again"
        )
    return WeightsError(f"{path} is not a complete safetensors file ({error}); fetch or export it again")
