"""Checks that a folder holds one run only, by files with its configuration and its data."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.inspection import digests_by_set
from face_alignment_3d.training.engine.batches import Pool
from face_alignment_3d.training.recipes.config import RunConfig

#: Settings that may change between a stop and a resume: none that the weights depend on so far.
_FREE_TO_CHANGE: Final = ("steps", "validate_every", "checkpoint_seconds", "full_precision_from")


def check_run_folder(out: Path, config: RunConfig) -> None:
    """Writes the configuration to ``out/config.json``, or compares it with that of the run there.

    A setting that an older version did not know counts as having had its default. Stages may be appended.

    Raises :class:`DataError`, which names the settings that differ.
    """
    wanted = _plain(config)

    def differing(found: dict[str, Any]) -> Iterable[str]:
        completed = _completed(found, _plain(type(config)(preset=config.preset)))
        return (
            key
            for key in wanted
            if key not in _FREE_TO_CHANGE and not _goes_on(key, completed.get(key), wanted[key])
        )

    check_settings(out, wanted, differing)


def check_settings(
    out: Path, wanted: Mapping[str, Any], differing: Callable[[dict[str, Any]], Iterable[str]]
) -> None:
    """Writes ``wanted`` to ``out/config.json``, unless a run there has settings that differ.

    ``differing`` names those of the settings found there. Raises :class:`DataError`, which names them too.
    """
    path = out / "config.json"
    if path.exists():
        try:
            found = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path} is not JSON ({error}); give another --out or delete that folder"
            ) from error
        if different := sorted(differing(found)):
            raise DataError(
                f"{out} holds a run with another {', '.join(different)}; resume it with the same "
                "settings, or give another --out"
            )
    write_atomically(path, (json.dumps(wanted, indent=2) + "\n").encode())


def check_run_data(out: Path, digests: Mapping[str, str]) -> None:
    """Writes the digests of a run's data to ``out/data.json``, or compares them with those there.

    Raises :class:`DataError`, which names the sets that differ, are new or are no longer there.
    """
    path = out / "data.json"
    if path.exists():
        try:
            found = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path} is not a record of data ({error}); give another --out or delete that folder"
            ) from error
        different = sorted(name for name in {*found, *digests} if found.get(name) != digests.get(name))
        if different:
            raise DataError(
                f"{out} holds a run on other data: {', '.join(different)} changed since; resume it with the "
                "same photos and labels, or give another --out"
            )
    else:
        write_atomically(path, (json.dumps(dict(digests), indent=2, sort_keys=True) + "\n").encode())


def data_digests(pools: Sequence[Pool]) -> dict[str, str]:
    """SHA-256 of the data of ``pools``, by the names of the sets."""
    digests: dict[str, str] = {}
    for pool in pools:
        for name, digest in (pool.digests or digests_by_set(pool.samples)).items():
            # Several pools may have samples of one set, and several folders one name.
            digests[name] = digest if name not in digests else f"{digests[name]} {digest}"
    return digests


def _plain(config: RunConfig) -> dict[str, Any]:
    """The value as JSON returns it: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(config.as_dict()))
    return plain


def _completed(found: Any, defaults: Any) -> Any:
    """``found`` with missing keys from ``defaults``, in nested mappings too."""
    if not isinstance(found, dict) or not isinstance(defaults, dict):
        return found
    return {**defaults, **{key: _completed(value, defaults.get(key)) for key, value in found.items()}}


def _goes_on(key: str, found: Any, wanted: Any) -> bool:
    if key == "stages" and isinstance(found, list):
        return bool(wanted[: len(found)] == found)
    return bool(found == wanted)
