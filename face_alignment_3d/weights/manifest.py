"""The list of released weight files, ``weights_manifest.json``: read, checked and written here."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date as calendar_date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import WeightsError

#: 2 tells kinds of weights apart. Manifests of 1, which knew only cascades, are still read.
SCHEMA: Final = 2
_READ: Final = (1, SCHEMA)
FILE_NAME: Final = "weights_manifest.json"
KINDS: Final = ("cascade", "blendshapes", "scout")
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
#: Names that are devices on Windows, whatever their suffix.
_DEVICES: Final = r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])\.)"


@dataclass(frozen=True)
class WeightsEntry:
    """One released weight file. Every field is checked; a bad one raises :class:`WeightsError`."""

    name: str
    """The name that users give: ``FaceAligner3D(weights=name)``."""
    kind: str
    """``"cascade"`` for landmarks, ``"blendshapes"`` for blendshapes from these, ``"scout"`` for faces."""
    preset: str | None
    """The network that a cascade fits, a key of ``networks.presets.PRESETS``; None for the other kinds."""
    file: str
    """Its file name, without folder."""
    sha256: str
    """SHA-256 of the file, 64 lower-case hexadecimal digits."""
    bytes: int
    """Size of the file."""
    url: str | None
    """The address of its download, or None when it is not published."""
    embedded: bool
    """True if it is part of the installed package."""
    input_size: int | None
    """Height and width of the crop that a cascade takes, in pixels; None for the other kinds."""
    markup: str
    """The landmark scheme, such as ``"3dfaw-66"``."""
    license: str
    """Terms of the weights, which the training photos decide, not the code."""
    data: tuple[str, ...]
    """The data sets it was trained on."""
    training_command: str
    """The command that makes it again."""
    seed: int
    """Seed of that training."""
    metrics: Mapping[str, float]
    """Name -> measured value; the names contain data set and unit."""
    date: str
    """Day of the training's end, YYYY-MM-DD."""

    def __post_init__(self) -> None:
        for key, (is_valid, expected) in _FIELD_CHECKS.items():
            value = getattr(self, key)
            if not is_valid(value):
                raise WeightsError(f"weights {self.name!r}: {key!r} must be {expected}; got {value!r}")
        for key in ("preset", "input_size"):
            if (getattr(self, key) is None) != (self.kind != "cascade"):
                raise WeightsError(
                    f"weights {self.name!r}: {key!r} must be given for a cascade and null for other kinds; "
                    f"got {getattr(self, key)!r} for {self.kind!r}"
                )
        object.__setattr__(self, "metrics", MappingProxyType(dict(self.metrics)))


def manifest_path() -> Path:
    """The path of the manifest: inside the installed package, or beside it in a checkout.

    The repository keeps the file at its top level and the wheel carries it inside the package, so exactly one
    of the two places has it.
    """
    package = Path(__file__).resolve().parent.parent
    inside = package / FILE_NAME
    return inside if inside.is_file() else package.parent / FILE_NAME


def load_manifest(path: Path | None = None) -> Mapping[str, WeightsEntry]:
    """Reads and checks a manifest (the library's own by default): name -> entry, in the file's order.

    Raises :class:`WeightsError` when the file is missing or anything in it is not as expected.
    """
    path = path or manifest_path()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights manifest {path}: {error}; reinstall face-alignment-3d"
        ) from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            f"the weights manifest {path} is not JSON: {error}; reinstall face-alignment-3d"
        ) from error
    try:
        return _parse(content)
    except WeightsError as error:
        raise WeightsError(f"the weights manifest {path} is broken: {error}") from error


def with_entry(entries: Mapping[str, WeightsEntry], entry: WeightsEntry) -> Mapping[str, WeightsEntry]:
    """The entries with ``entry`` added, or in place of the one of the same name."""
    return _unique({**entries, entry.name: entry}.values())


def write_manifest(entries: Mapping[str, WeightsEntry], path: Path) -> None:
    """Writes a manifest, whole or not at all: a reader never sees half a file."""
    content = {"schema": SCHEMA, "weights": [_to_json(entry) for entry in entries.values()]}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def add_to_manifest(entry: WeightsEntry, path: Path | None = None) -> None:
    """Adds ``entry`` to the manifest at ``path`` (the library's own by default) or replaces it there."""
    path = path or manifest_path()
    write_manifest(with_entry(load_manifest(path), entry), path)


def _parse(content: object) -> Mapping[str, WeightsEntry]:
    if not isinstance(content, dict) or content.keys() != {"schema", "weights"}:
        raise WeightsError("expected an object with the keys 'schema' and 'weights'")
    schema = content["schema"]
    if type(schema) is not int or schema not in _READ:
        raise WeightsError(
            f"its schema is {schema!r} and this version of the library reads {SCHEMA}; "
            "update face-alignment-3d"
        )
    if not isinstance(content["weights"], list):
        raise WeightsError(f"'weights' must be a list; got {content['weights']!r}")
    raw_entries = content["weights"]
    if schema == 1:
        raw_entries = [{**raw, "kind": "cascade"} if isinstance(raw, dict) else raw for raw in raw_entries]
    return _unique(_parse_entry(raw, position) for position, raw in enumerate(raw_entries))


def _parse_entry(raw: object, position: int) -> WeightsEntry:
    if not isinstance(raw, dict):
        raise WeightsError(f"entry {position} must be an object; got {raw!r}")
    label = f"entry {position} ({raw.get('name', 'without a name')!r})"
    expected = {field.name for field in fields(WeightsEntry)}
    if missing := sorted(expected - raw.keys()):
        raise WeightsError(f"{label} lacks {', '.join(missing)}")
    if unknown := sorted(raw.keys() - expected):
        raise WeightsError(f"{label} has unknown keys: {', '.join(unknown)}")
    if not isinstance(raw["data"], list):
        raise WeightsError(f"{label}: 'data' must be a list; got {raw['data']!r}")
    return WeightsEntry(**{**raw, "data": tuple(raw["data"])})


def _to_json(entry: WeightsEntry) -> dict[str, Any]:
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {**values, "data": list(entry.data), "metrics": dict(entry.metrics)}


def _unique(entries: Iterable[WeightsEntry]) -> Mapping[str, WeightsEntry]:
    by_name: dict[str, WeightsEntry] = {}
    by_file: dict[str, str] = {}
    for entry in entries:
        if entry.name in by_name:
            raise WeightsError(f"two entries are named {entry.name!r}; names must be unique")
        file = entry.file.lower()  # Two names that differ in case alone are one file on Windows and macOS.
        if file in by_file:
            raise WeightsError(
                f"{by_file[file]!r} and {entry.name!r} share the file {entry.file!r}; "
                "each entry needs its own"
            )
        by_name[entry.name] = entry
        by_file[file] = entry.name
    return MappingProxyType(by_name)


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_metrics(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(name) and type(number) in (int, float) and abs(number) < math.inf
        for name, number in value.items()
    )


def _is_url(value: Any) -> bool:
    """True for an address from which nobody on the way can read what is fetched, or of this machine."""
    if not _matches(r"https?://[!-~]+")(value):
        return False
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    return bool(host) and "@" not in parts.netloc and (parts.scheme == "https" or host in _THIS_MACHINE)


def _is_date(value: Any) -> bool:
    if not _matches(r"\d{4}-\d{2}-\d{2}")(value):
        return False
    try:
        calendar_date.fromisoformat(value)
    except ValueError:
        return False
    return True


#: Field -> (whether a value is valid, what is expected). File names are bare so that no manifest can make
#: the store write outside its folder.
_FIELD_CHECKS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = MappingProxyType(
    {
        "name": (_matches(r"[a-z0-9][a-z0-9._-]*"), "lower-case letters, digits, '.', '_' and '-'"),
        "kind": (KINDS.__contains__, f"one of {', '.join(KINDS)}"),
        "preset": (lambda value: value is None or _is_text(value), "a non-empty string or null"),
        "file": (
            _matches(rf"{_DEVICES}[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors"),
            "a bare file name that ends with .safetensors",
        ),
        "sha256": (_matches(r"[0-9a-f]{64}"), "64 lower-case hexadecimal digits"),
        "bytes": (_is_count, "a positive integer"),
        "url": (lambda value: value is None or _is_url(value), "an https URL without a password, or null"),
        "embedded": (lambda value: isinstance(value, bool), "true or false"),
        "input_size": (lambda value: value is None or _is_count(value), "a positive integer or null"),
        "markup": (_is_text, "a non-empty string"),
        "license": (_is_text, "a non-empty string"),
        "data": (lambda value: isinstance(value, tuple) and all(map(_is_text, value)), "a list of strings"),
        "training_command": (_is_text, "a non-empty string"),
        "seed": (lambda value: type(value) is int, "an integer"),
        "metrics": (_is_metrics, "an object of finite numbers"),
        "date": (_is_date, "a date, YYYY-MM-DD"),
    }
)
