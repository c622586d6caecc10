"""Checks that a folder holds one run only, by files with its configuration and its data."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.inspection import digests_by_set
from face_alignment_3d.training.engine.batches import Pool


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
