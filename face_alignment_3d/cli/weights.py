"""``face-alignment-3d weights``: lists, verifies, downloads and locates weight files."""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.integrity import is_intact
from face_alignment_3d.weights.manifest import WeightsEntry, load_manifest
from face_alignment_3d.weights.store import (
    Fetch,
    Use,
    cache_directory,
    candidates,
    plan,
    resolve_weights,
)

if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``weights`` and its four commands."""
    parser = subparsers.add_parser("weights", help="list, verify, download and locate weight files")
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(dest="weights_command", required=True, metavar="COMMAND")

    commands.add_parser("list", help="list all weights of the manifest and the places of their files")

    verify = commands.add_parser("verify", help="check size and SHA-256 of the files on this machine")
    verify.add_argument(
        "names", nargs="*", metavar="NAME", help="weights to verify (default: all that are on this machine)"
    )

    download = commands.add_parser("download", help="fetch weights and print their paths")
    which = download.add_mutually_exclusive_group(required=True)
    which.add_argument("names", nargs="*", default=[], metavar="NAME", help="weights to download")
    which.add_argument("--all", action="store_true", help="download all that are published")
    download.add_argument("--quiet", action="store_true", help="show no progress bar")

    path = commands.add_parser("path", help="print the local path of weights, without downloading")
    path.add_argument("name", metavar="NAME")


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command: 0 when all went well, 1 when some of it failed. Results go to stdout."""
    manifest = load_manifest()
    match args.weights_command:
        case "list":
            return _list(manifest)
        case "verify":
            return _verify(manifest, args.names)
        case "download":
            return _download(manifest, args.names, every=args.all, progress=not args.quiet)
        case _:
            print(resolve_weights(_known(manifest, [args.name])[0].name, offline=True, manifest=manifest))
            return 0


def _list(manifest: Mapping[str, WeightsEntry]) -> int:
    rows = [("NAME", "KIND", "PRESET", "SIZE", "CROP", "WHERE", "LICENSE")]
    for entry in manifest.values():
        rows.append(
            (
                entry.name,
                entry.kind,
                entry.preset or "-",
                f"{entry.bytes / 1e6:.1f} MB",
                f"{entry.input_size} px" if entry.input_size else "-",
                _where(entry, manifest),
                entry.license,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _where(entry: WeightsEntry, manifest: Mapping[str, WeightsEntry]) -> str:
    match plan(entry.name, offline=False, manifest=manifest):
        case Use(path):
            return str(path)
        case Fetch():
            return "not downloaded"
        case _:
            return "not available"


def _verify(manifest: Mapping[str, WeightsEntry], names: Sequence[str]) -> int:
    """Verifies weight files; an absent one is a failure only if it was named."""
    status = 0
    for entry in _known(manifest, names or manifest):
        places = candidates(entry, environment=os.environ, cache_dir=cache_directory())
        present = [path for path in places if path.is_file()]
        for path in present:
            intact = is_intact(entry, path)
            print(f"{entry.name}: {'ok' if intact else 'DAMAGED'}: {path}")
            status |= not intact
        if not present:
            print(f"{entry.name}: not here")
            status |= bool(names)
    return int(status)


def _download(
    manifest: Mapping[str, WeightsEntry], names: Sequence[str], *, every: bool, progress: bool
) -> int:
    """Downloads each of the weight files; a failure does not keep it from going on with the others."""
    published = [entry.name for entry in manifest.values() if entry.url or entry.embedded]
    status = 0
    for entry in _known(manifest, published if every else names):
        try:
            print(resolve_weights(entry.name, progress=progress, manifest=manifest))
        except WeightsError as error:
            print(f"error: {error}", file=sys.stderr)
            status = 1
    return status


def _known(manifest: Mapping[str, WeightsEntry], names: Iterable[str]) -> list[WeightsEntry]:
    names = list(dict.fromkeys(names))
    if unknown := [name for name in names if name not in manifest]:
        known = ", ".join(manifest) or "none yet"
        raise WeightsError(f"no weights are named {', '.join(unknown)}; the manifest has: {known}")
    return [manifest[name] for name in names]
