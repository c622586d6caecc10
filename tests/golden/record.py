"""Records the results of the embedded weights: ``python -m tests.golden.record``, after new weights. Look at
the change of the file before it is kept."""

import json
from pathlib import Path

from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import resolve_weights
from tests.golden.cases import cases, outputs, this_platform

FILE = Path(__file__).with_name("lite.json")


def main() -> None:
    recorded = {
        "weights_sha256": sha256_of(resolve_weights("lite")),
        "platform": this_platform(),
        "cases": {name: outputs("torch", case) for name, case in cases().items()},
    }
    FILE.write_text(json.dumps(recorded) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
