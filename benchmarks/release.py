"""Puts a trained weight file into the package: the file, and its manifest entry with the benchmark's numbers.

python benchmarks/release.py runs/lite --accuracy benchmarks/results/accuracy.json
python benchmarks/release.py runs/blendshapes --preset blendshapes
"""

import argparse
import dataclasses
import json
import shutil
from pathlib import Path

from face_alignment_3d.weights.integrity import verify
from face_alignment_3d.weights.manifest import WeightsEntry, add_to_manifest, load_manifest

FILES = Path(__file__).resolve().parent.parent / "face_alignment_3d" / "weights" / "files"


def with_accuracy(entry: WeightsEntry, path: Path) -> WeightsEntry:
    """The entry with the numbers that were measured of this very file."""
    accuracy = json.loads(path.read_text(encoding="utf-8"))
    measured = accuracy["weights_sha256"]
    if entry.sha256 != measured:
        raise SystemExit(
            f"{path} measured weights {measured[:12]}, {entry.file} has {entry.sha256[:12]}: measure again"
        )
    return dataclasses.replace(entry, metrics={**entry.metrics, **accuracy["metrics"]})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the folder that `face-alignment-3d train` wrote to")
    parser.add_argument("--preset", default="lite")
    parser.add_argument(
        "--accuracy", type=Path, help="what benchmarks/accuracy.py wrote of this file; only of a cascade"
    )
    args = parser.parse_args()

    (entry,) = load_manifest(args.run / f"{args.preset}.manifest.json").values()
    source = args.run / entry.file
    verify(entry, source)
    if entry.kind == "cascade":
        if args.accuracy is None:
            parser.error("--accuracy is needed for a cascade: run benchmarks/accuracy.py")
        entry = with_accuracy(entry, args.accuracy)
    FILES.mkdir(exist_ok=True)
    shutil.copyfile(source, FILES / entry.file)
    add_to_manifest(entry)
    print(f"{FILES / entry.file}: {entry.bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
