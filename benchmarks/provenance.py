"""The provenance of a benchmark's numbers: command, date, machine, versions and weights."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from face_alignment_3d.training.evaluation.files import provenance as measured

_REPOSITORY = Path(__file__).resolve().parent.parent


def provenance(weights: str) -> dict[str, Any]:
    """A dict for :mod:`json`; ``weights`` is a name of the manifest or a path."""
    return measured(["python", *relative_to_repository(sys.argv)], weights)


def relative_to_repository(words: Sequence[str]) -> list[str]:
    """The words of a command, absolute paths replaced by paths from the repository's folder."""
    return [os.path.relpath(word, _REPOSITORY) if Path(word).is_absolute() else word for word in words]
