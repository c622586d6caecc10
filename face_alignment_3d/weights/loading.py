"""Cascades as weight files: safetensors, self-describing, checked strictly. Nothing is ever unpickled."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.markup import MARKUP_NAME
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.geometry import COORDINATES
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.manifest import WeightsEntry
from face_alignment_3d.weights.module_tensors import filled, half_tensors, stored_shapes, unfilled
from face_alignment_3d.weights.safetensors_file import (
    BLENDSHAPES_FORMAT,
    SCOUT_FORMAT,
    WeightFile,
    check_tensors,
    read_weight_file,
    write_weight_file,
)

FORMAT: Final = "face-alignment-3d cascade"
FORMAT_VERSION: Final = "1"

#: The one part of a cascade that weights may lack.
_VISIBILITY: Final = "visibility."


def save_cascade(cascade: Cascade, path: Path, *, preset: str, metadata: Mapping[str, str]) -> None:
    """Writes ``cascade`` to ``path``, whole or not at all, with its floating tensors as fp16.

    ``preset`` is the key of ``PRESETS`` that the cascade was built from. ``metadata`` is stored beside the
    fields that :func:`load_cascade` checks, whose names it may not use. The same weights and metadata give
    the same bytes each time.

    Raises :class:`WeightsError` when the cascade is not of that preset, when a weight is not finite or beyond
    the range of fp16, or when the file cannot be written.
    """
    own = _description(cascade, preset)
    tensors = half_tensors(cascade)
    reference = unfilled(PRESETS[preset])
    if cascade.visibility is None:
        reference.visibility = None
    check_tensors(tensors, stored_shapes(reference), f"the cascade to save as {preset!r}")
    write_weight_file(path, tensors, own=own, given=metadata)


def load_cascade(weights: Path | WeightFile, *, device: str | torch.device = "cpu") -> Cascade:
    """Builds the cascade that a weight file describes and fills it: float32, eval mode, without gradients.

    Raises :class:`WeightsError` when the file is missing, is not safetensors, is not of this library or of a
    format it reads, describes another network than its preset, or lacks, exceeds or reshapes any tensor.
    """
    file = weights if isinstance(weights, WeightFile) else read_weight_file(weights)
    path, metadata = file.path, file.metadata
    preset = _check_metadata(metadata, path)
    cascade = unfilled(PRESETS[preset])
    cascade.geometry = replace(cascade.geometry, crop_scale=_crop_scale(metadata, path))
    for key, value in _description(cascade, preset).items():
        if key != "library_version" and metadata.get(key) != value:
            raise WeightsError(
                f"{path}: preset {preset!r} of this version of the library has {key} {value!r}; the file has "
                f"{metadata.get(key)!r}. Use weights made for this version"
            )
    tensors = file.tensors()
    if not any(name.startswith(_VISIBILITY) for name in tensors):
        cascade.visibility = None  # Weights that were trained without it are whole all the same.
    return filled(cascade, tensors, f"{path}, of preset {preset!r},").to(device)


def entry_for_file(
    path: Path,
    *,
    name: str,
    url: str | None,
    embedded: bool,
    license: str,
    data: tuple[str, ...],
    training_command: str,
    seed: int,
    metrics: Mapping[str, float],
    date: str,
) -> WeightsEntry:
    """The manifest entry of a file that :func:`save_cascade` wrote, partly read from the file itself."""
    file = read_weight_file(path)
    return WeightsEntry(
        name=name,
        kind="cascade",
        preset=_check_metadata(file.metadata, path),
        file=path.name,
        sha256=file.sha256,
        bytes=path.stat().st_size,
        url=url,
        embedded=embedded,
        input_size=int(file.metadata["input_size"]),
        markup=file.metadata["markup"],
        license=license,
        data=data,
        training_command=training_command,
        seed=seed,
        metrics=metrics,
        date=date,
    )


def _description(cascade: Cascade, preset: str) -> dict[str, str]:
    if preset not in PRESETS:
        raise WeightsError(f"preset must be one of {', '.join(map(repr, PRESETS))}; got {preset!r}")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "preset": preset,
        "markup": MARKUP_NAME,
        # All of the geometry: weights trained at another stride would load and be wrong.
        **cascade.geometry.to_metadata(),
        "coordinates": COORDINATES,
        "library_version": __version__,
    }


def _check_metadata(metadata: Mapping[str, str], path: Path) -> str:
    """The preset of a file of this library, of a format and preset that this version knows."""
    if metadata.get("format") == BLENDSHAPES_FORMAT:
        raise WeightsError(
            f"{path} holds the weights of blendshapes, which find no landmarks; pass those of a "
            "cascade, such as 'lite', here and these to BlendshapeEstimator"
        )
    if metadata.get("format") == SCOUT_FORMAT:
        raise WeightsError(
            f"{path} holds the weights of the detector, which finds no landmarks; pass those of a cascade, "
            "such as 'lite', here and these to ScoutDetector"
        )
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is safetensors, but not of this library: its metadata should have format {FORMAT!r}; it "
            f"has {metadata.get('format')!r}"
        )
    if metadata.get("format_version") != FORMAT_VERSION:
        raise WeightsError(
            f"{path} is of format version {metadata.get('format_version')!r} and this version of the library "
            f"reads {FORMAT_VERSION!r}; update face-alignment-3d"
        )
    preset = metadata.get("preset", "")
    if preset not in PRESETS:
        raise WeightsError(
            f"{path} is of preset {preset!r}, which this version of the library does not know (it knows "
            f"{', '.join(map(repr, PRESETS))}); update face-alignment-3d"
        )
    return preset


def _crop_scale(metadata: Mapping[str, str], path: Path) -> float:
    """The crop scale of the training: the one field of the geometry on which the network does not depend."""
    text = metadata.get("crop_scale", "")
    try:
        crop_scale = float(text)
    except ValueError:
        crop_scale = math.nan
    if not 1 <= crop_scale <= 4:
        raise WeightsError(
            f"{path}: crop_scale must be a number from 1 to 4, the side of the crop over that of the "
            f"face box; the file has {text!r}. Export the weights again"
        )
    return crop_scale
