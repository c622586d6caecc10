"""The provenance of measured numbers: command, date, machine, versions and weights."""

import datetime
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from face_alignment_3d.version import __version__
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import resolve_weights


def provenance(command: Sequence[str], weights: str | os.PathLike[str]) -> dict[str, Any]:
    """A dict for :mod:`json`; ``command`` repeats the measurement, ``weights`` is a name or a path.

    Raises :class:`face_alignment_3d.errors.WeightsError` when the weights cannot be had.
    """
    file = resolve_weights(weights)
    return {
        "command": shlex.join(command),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": f"{_processor()}, {os.cpu_count()} logical CPUs, {platform.system()} {platform.machine()}",
        "versions": {
            "face-alignment-3d": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "opencv": cv2.__version__,
            "numpy": np.__version__,
        },
        "weights": file.name,
        "weights_sha256": sha256_of(file),
        "weights_bytes": file.stat().st_size,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
