"""Finding a weight file, or downloading it.

The order: a path that the caller gives; the folder ``$FACE_ALIGNMENT_3D_HOME``; the files inside the
installed package; the user's cache. What is in none of them is downloaded, into ``$FACE_ALIGNMENT_3D_HOME``
when it is set, else into the cache. :func:`decide` is a pure function of its arguments;
:func:`resolve_weights` acts on it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import platformdirs

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.paths import expanded, is_file
from face_alignment_3d.weights.download import fetch
from face_alignment_3d.weights.integrity import is_intact, sha256_of
from face_alignment_3d.weights.manifest import WeightsEntry, load_manifest

HOME_VARIABLE: Final = "FACE_ALIGNMENT_3D_HOME"
OFFLINE_VARIABLE: Final = "FACE_ALIGNMENT_3D_OFFLINE"
EMBEDDED_DIR: Final = Path(__file__).resolve().parent / "files"

_ON: Final = frozenset({"1", "true", "yes", "on"})
_OFF: Final = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True)
class Use:
    """The file is here."""

    path: Path


@dataclass(frozen=True)
class Fetch:
    """The file has to be downloaded first."""

    entry: WeightsEntry
    destination: Path


@dataclass(frozen=True)
class Refuse:
    """There is no way to get the file; ``reason`` says why and what to do."""

    reason: str


Decision = Use | Fetch | Refuse


def resolve_weights(
    weights: str | os.PathLike[str],
    *,
    offline: bool | None = None,
    progress: bool = True,
    manifest: Mapping[str, WeightsEntry] | None = None,
) -> Path:
    """The local file of ``weights``, downloaded if need be.

    ``weights`` is a name in the manifest or the path of a ``.safetensors`` file. Files of the manifest are
    verified (size and SHA-256) on each call; a path of the caller's own is taken as it is. ``offline=True``
    forbids downloads; None leaves that to ``$FACE_ALIGNMENT_3D_OFFLINE``. ``progress`` draws a bar on stderr
    while a download runs.

    Raises :class:`WeightsError` when there is no such file and it cannot be had, with what to do.
    """
    decision = plan(weights, offline=offline, manifest=manifest)
    if isinstance(decision, Refuse):
        raise WeightsError(decision.reason)
    if isinstance(decision, Fetch):
        return fetch(decision.entry, decision.destination, progress=progress)
    return decision.path


class PinnedWeights(NamedTuple):
    """A weight file and what it has to contain: see ``read_weight_file`` in :mod:`.safetensors_file`."""

    path: Path
    sha256: str
    """Of the manifest for a name; of the file as it is now for a path of the caller's own."""


def pinned_weights(weights: str | os.PathLike[str], *, offline: bool | None = None) -> PinnedWeights:
    """:func:`resolve_weights` with the SHA-256 that the file must still have when it is loaded.

    Raises as :func:`resolve_weights`, and :class:`WeightsError` for a file that cannot be read.
    """
    manifest = load_manifest()
    wanted = identify(weights, manifest)
    path = resolve_weights(weights, offline=offline, manifest=manifest)
    try:
        return PinnedWeights(path, sha256_of(path) if isinstance(wanted, Path) else wanted.sha256)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error}") from error


def plan(
    weights: str | os.PathLike[str],
    *,
    offline: bool | None = None,
    manifest: Mapping[str, WeightsEntry] | None = None,
) -> Decision:
    """The action that :func:`resolve_weights` would take, from the environment and the disk.

    Raises :class:`WeightsError` when ``weights`` is neither a known name nor a path.
    """
    wanted = identify(weights, load_manifest() if manifest is None else manifest)
    environment = dict(os.environ)
    cache_dir = cache_directory()
    if isinstance(wanted, Path):
        existing = {wanted: True} if is_file(wanted) else {}
    else:
        places = candidates(wanted, environment=environment, cache_dir=cache_dir)
        existing = {path: is_intact(wanted, path) for path in places if is_file(path)}
    return decide(wanted, environment=environment, cache_dir=cache_dir, existing=existing, offline=offline)


def identify(weights: str | os.PathLike[str], manifest: Mapping[str, WeightsEntry]) -> WeightsEntry | Path:
    """The entry of that name, or the path that ``weights`` spells; a name goes before a path."""
    text = os.fspath(weights)
    if isinstance(weights, str) and text in manifest:
        return manifest[text]
    path = expanded(text)
    if path.suffix == ".safetensors":
        return path
    known = ", ".join(repr(name) for name in manifest) or "none yet"
    raise WeightsError(
        f"weights must be a name in the manifest ({known}) or the path of a .safetensors file; got {text!r}"
    )


def candidates(
    entry: WeightsEntry,
    *,
    environment: Mapping[str, str],
    cache_dir: Path | None,
    embedded_dir: Path = EMBEDDED_DIR,
) -> tuple[Path, ...]:
    """The places where a file of the manifest may lie, in the order in which they are tried."""
    home = home_directory(environment)
    folders = [home] if home else []
    if entry.embedded:
        folders.append(embedded_dir)
    if cache_dir is not None:
        folders.append(cache_dir)
    return tuple(folder / entry.file for folder in folders)


def decide(
    wanted: WeightsEntry | Path,
    *,
    environment: Mapping[str, str],
    cache_dir: Path | None,
    existing: Mapping[Path, bool],
    offline: bool | None = None,
    embedded_dir: Path = EMBEDDED_DIR,
) -> Decision:
    """Decides where a weight file comes from; a pure function of its arguments.

    ``wanted`` is an entry of the manifest or the caller's own path. ``existing`` maps each candidate that is
    a file to whether it is intact. A damaged file in the cache counts as missing, since the cache is ours to
    repair; one in the user's own folder or in the package is refused rather than passed over in silence.
    """
    if isinstance(wanted, Path):
        if wanted in existing:
            return Use(wanted)
        return Refuse(f"there is no weight file {wanted}; check the path, or pass a name of the manifest")
    entry, home = wanted, home_directory(environment)
    cached = None if cache_dir is None else cache_dir / entry.file
    for path in candidates(entry, environment=environment, cache_dir=cache_dir, embedded_dir=embedded_dir):
        if existing.get(path):
            return Use(path)
        if path in existing and path != cached:
            return Refuse(_damaged(entry, path, in_package=path.parent == embedded_dir))
    folder = home or cache_dir
    if folder is None:
        return Refuse(_no_folder(entry))
    destination = folder / entry.file
    if entry.url is None:
        return Refuse(_unpublished(entry, destination.parent))
    if _is_offline(offline, environment):
        return Refuse(_offline(entry, destination.parent, damaged=cached in existing))
    return Fetch(entry, destination)


def home_directory(environment: Mapping[str, str]) -> Path | None:
    """The user's own folder of weight files, ``$FACE_ALIGNMENT_3D_HOME``; None if that is not set."""
    value = environment.get(HOME_VARIABLE, "")
    return expanded(value) if value else None


def cache_directory() -> Path | None:
    """The folder of downloaded weight files, in the system's place for caches.

    None for a user without a home folder.
    """
    try:
        folder = platformdirs.user_cache_path("face-alignment-3d", appauthor=False)
    except RuntimeError:  # Nobody says where home is: neither HOME nor the list of users.
        return None
    return folder if folder.is_absolute() else None


def _is_offline(offline: bool | None, environment: Mapping[str, str]) -> bool:
    if offline is not None:
        return offline
    value = environment.get(OFFLINE_VARIABLE, "").strip().lower()
    if value not in _ON | _OFF:
        raise WeightsError(f"{OFFLINE_VARIABLE} must be 1 or 0; got {value!r}")
    return value in _ON


def _no_folder(entry: WeightsEntry) -> str:
    return (
        f"weights {entry.name!r} were not found, and this user has no home folder to look for them in or put "
        f"them into; set {HOME_VARIABLE} to a folder that has {entry.file}, or where it may be put"
    )


def _damaged(entry: WeightsEntry, path: Path, *, in_package: bool) -> str:
    remedy = (
        "reinstall face-alignment-3d"
        if in_package
        else "delete it to get the right one, or pass its path to use it as it is"
    )
    return (
        f"{path} is not the file that the manifest lists for weights {entry.name!r} (its size or SHA-256 "
        f"differs, or it cannot be read); {remedy}"
    )


def _unpublished(entry: WeightsEntry, folder: Path) -> str:
    if entry.embedded:
        return (
            f"weights {entry.name!r} are part of the package, but {entry.file} is neither there nor in "
            f"{folder}; reinstall face-alignment-3d"
        )
    return (
        f"weights {entry.name!r} are not in {folder} and are not published for download; train them with "
        f"`{entry.training_command}` and pass the path of the file, or put {entry.file} into that folder"
    )


def _offline(entry: WeightsEntry, folder: Path, *, damaged: bool) -> str:
    state = "are damaged" if damaged else "are not"
    return (
        f"weights {entry.name!r} {state} in {folder} and offline is set; run `face-alignment-3d weights "
        f"download {entry.name}` with {OFFLINE_VARIABLE} unset, or set {HOME_VARIABLE} to a folder that has "
        f"{entry.file}"
    )
