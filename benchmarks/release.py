"""Puts a trained weight file into the package: the file, and its manifest entry with the benchmark's numbers.

python benchmarks/release.py runs/lite --accuracy benchmarks/results/accuracy.json
"""

import argparse
import dataclasses
import json
import shutil
from pathlib import Path

from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.manifest import add_to_manifest, load_manifest

FILES = Path(__file__).resolve().parent.parent / "face_alignment_3d" / "weights" / "files"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the folder that `face-alignment-3d train` wrote to")
    parser.add_argument("--preset", default="lite")
    parser.add_argument(
        "--accuracy", type=Path, required=True, help="what benchmarks/accuracy.py wrote of this file"
    )
    args = parser.parse_args()

    (entry,) = load_manifest(args.run / f"{args.preset}.manifest.json").values()
    source = args.run / entry.file
    accuracy = json.loads(args.accuracy.read_text(encoding="utf-8"))
    measured = accuracy["weights_sha256"]
    if not sha256_of(source) == entry.sha256 == measured:
        raise SystemExit(
            f"{args.accuracy} measured weights {measured[:12]}, {source} has "
            f"{entry.sha256[:12]}: measure again"
        )
    entry = dataclasses.replace(entry, metrics={**entry.metrics, **accuracy["metrics"]})
    FILES.mkdir(exist_ok=True)
    shutil.copyfile(source, FILES / entry.file)
    add_to_manifest(entry)
    print(f"{FILES / entry.file}: {entry.bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
