"""Blendshape regressors as weight files: safetensors, self-describing, checked strictly; without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from face_alignment_3d.arkit import VISIBLE
from face_alignment_3d.blendshapes.mirroring import mirror_permutation
from face_alignment_3d.blendshapes.reading import EYE_AND_BROW, Reading
from face_alignment_3d.blendshapes.regressor import Regressor
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.markup import MARKUP_NAME, NUM_LANDMARKS
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.safetensors_file import (
    BLENDSHAPES_FORMAT,
    listing,
    merged_metadata,
    read_metadata,
    unreadable,
    write_weight_file,
)

Floats = npt.NDArray[np.float64]

FORMAT_VERSION: Final = "1"
_LAYERS: Final = 3
_WIDTH_OF: Final = "layers.0.bias"


@dataclass(frozen=True, eq=False)
class BlendshapeModel:
    """A regressor of blendshapes and the face that it takes as neutral."""

    reading: Reading
    regressor: Regressor
    """Its outputs are :data:`~face_alignment_3d.arkit.VISIBLE`, in that order."""
    neutral: Floats
    """(66, 3): ICT-FaceKit's mean face without expression, canonical."""


def save_blendshape_model(weights: BlendshapeModel, path: Path, *, metadata: Mapping[str, str]) -> None:
    """Writes ``weights`` to ``path``, whole or not at all, as float32; the same bytes each time.

    ``metadata`` is stored beside the fields that :func:`load_blendshape_model` checks, whose names it may not
    use. Raises :class:`WeightsError` for that, for values that are not finite or do not fit one another, and
    when the file cannot be written.
    """
    merged = merged_metadata(_description(), metadata)
    tensors = _tensors(weights)
    _check(tensors, "the blendshapes to save")
    write_weight_file(path, safetensors.numpy.save(tensors, merged))


def load_blendshape_model(path: Path) -> BlendshapeModel:
    """Reads what :func:`save_blendshape_model` wrote.

    Raises :class:`WeightsError` when the file is missing, is not safetensors, is not of blendshapes or
    of a format that this version reads, or lacks, exceeds or reshapes any tensor.
    """
    metadata = read_metadata(path)
    if metadata.get("format") != BLENDSHAPES_FORMAT:
        raise WeightsError(
            f"{path} does not hold blendshapes: its metadata should have format "
            f"{BLENDSHAPES_FORMAT!r}; it has {metadata.get('format')!r}"
        )
    for key, value in _description().items():
        if key != "library_version" and metadata.get(key) != value:
            raise WeightsError(
                f"{path}: this version of the library reads blendshapes with {key} {value!r}; the file "
                f"has {metadata.get(key)!r}. Use weights made for this version"
            )
    try:
        tensors = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise unreadable(path, error) from error
    _check(tensors, str(path))
    values = {name: np.asarray(tensor, np.float64) for name, tensor in tensors.items()}
    layers = tuple((values[f"layers.{i}.weight"], values[f"layers.{i}.bias"]) for i in range(_LAYERS))
    return BlendshapeModel(
        Reading(values["reading.offset"], values["reading.lid_weight"], float(values["reading.lid_bias"][0])),
        Regressor(values["mean"], values["spread"], layers, mirror_permutation(VISIBLE)),
        values["neutral"],
    )


def _description() -> dict[str, str]:
    return {
        "format": BLENDSHAPES_FORMAT,
        "format_version": FORMAT_VERSION,
        "markup": MARKUP_NAME,
        "blendshapes": ",".join(VISIBLE),
        "library_version": __version__,
    }


def _tensors(weights: BlendshapeModel) -> dict[str, npt.NDArray[np.float32]]:
    tensors = {
        "reading.offset": weights.reading.offset,
        "reading.lid_weight": weights.reading.lid_weight,
        "reading.lid_bias": np.array([weights.reading.lid_bias]),
        "neutral": weights.neutral,
        "mean": weights.regressor.mean,
        "spread": weights.regressor.spread,
    }
    for index, (weight, bias) in enumerate(weights.regressor.layers):
        tensors |= {f"layers.{index}.weight": weight, f"layers.{index}.bias": bias}
    return {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}


def _check(tensors: Mapping[str, npt.NDArray[np.float32]], label: str) -> None:
    """Raises unless these are the tensors of a regressor, whatever the width of its inner layers."""
    width = tensors[_WIDTH_OF].size if _WIDTH_OF in tensors else 0
    expected = _shapes(width)
    problems = []
    if missing := sorted(expected.keys() - tensors.keys()):
        problems.append(f"lacks {listing(missing)}")
    if unexpected := sorted(tensors.keys() - expected.keys()):
        problems.append(f"has the unknown {listing(unexpected)}")
    for name in sorted(expected.keys() & tensors.keys()):
        tensor = tensors[name]
        if tensor.shape != expected[name] or tensor.dtype != np.float32:
            problems.append(f"has {name} {tensor.shape} {tensor.dtype} instead of {expected[name]} float32")
        elif not np.isfinite(tensor).all() or (name == "spread" and (tensor <= 0).any()):
            problems.append(f"has values in {name} that are of no use")
    if problems:
        raise WeightsError(f"{label} cannot be used: it {'; it '.join(problems)}")


def _shapes(width: int) -> dict[str, tuple[int, ...]]:
    points = (NUM_LANDMARKS, 3)
    sizes = (3 * NUM_LANDMARKS, width, width, len(VISIBLE))
    shapes: dict[str, tuple[int, ...]] = {
        "reading.offset": points,
        "reading.lid_weight": (3 * len(EYE_AND_BROW),),
        "reading.lid_bias": (1,),
        **dict.fromkeys(("neutral", "mean", "spread"), points),
    }
    for index in range(_LAYERS):
        shapes[f"layers.{index}.weight"] = (sizes[index + 1], sizes[index])
        shapes[f"layers.{index}.bias"] = (sizes[index + 1],)
    return shapes
