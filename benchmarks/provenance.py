"""The provenance of a benchmark's numbers: command, date, machine, versions and weights."""

import sys
from typing import Any

from face_alignment_3d.training.engine import provenance as measured


def provenance(weights: str) -> dict[str, Any]:
    """As what :mod:`json` takes; ``weights`` is a name of the manifest or a path."""
    return measured.provenance(["python", *sys.argv], weights)
