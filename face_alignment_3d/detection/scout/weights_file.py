"""The scout to a weight file and back: safetensors with fp16 tensors, self-describing, strict."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from face_alignment_3d.detection.scout.layout import CHANNELS, STRIDES, UNIT_STRIDES
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.markup import MARKUP_NAME
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.module_tensors import filled, half_tensors, unfilled
from face_alignment_3d.weights.safetensors_file import (
    SCOUT_FORMAT,
    WeightFile,
    read_weight_file,
    write_weight_file,
)

FORMAT_VERSION: Final = "2"


def save_scout(network: ScoutNetwork, path: Path, *, metadata: Mapping[str, str]) -> None:
    """Writes ``network`` to ``path``, whole or not at all; the same bytes each time.

    ``metadata`` is stored beside the fields that :func:`load_scout` checks, whose names it may not use.
    Raises :class:`WeightsError` for that, for values that fp16 cannot hold, and when the file cannot be
    written.
    """
    write_weight_file(path, half_tensors(network), own=_description(), given=metadata)


def load_scout(weights: Path | WeightFile) -> ScoutNetwork:
    """Builds the network and fills it: float32, eval mode, without gradients, on the CPU.

    Raises :class:`WeightsError` when the file is missing, is not safetensors, is not of a scout or of a
    format that this version reads, or lacks, exceeds or reshapes any tensor.
    """
    file = weights if isinstance(weights, WeightFile) else read_weight_file(weights)
    for key, value in _description().items():
        if key != "library_version" and file.metadata.get(key) != value:
            raise WeightsError(
                f"{file.path} does not hold a scout of this version: expected {key} {value!r}; the file has "
                f"{file.metadata.get(key)!r}. Use weights made for this version"
            )
    return filled(unfilled(ScoutNetwork), file.tensors(), str(file.path))


def _description() -> dict[str, str]:
    return {
        "format": SCOUT_FORMAT,
        "format_version": FORMAT_VERSION,
        "markup": MARKUP_NAME,
        "strides": ",".join(map(str, STRIDES)),
        "channels": str(CHANNELS),
        "unit_strides": str(UNIT_STRIDES),
        "library_version": __version__,
    }
