"""A whole run, from a folder of data to a weight file. Reads top to bottom."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import torch

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import DataError
from face_alignment_3d.training.config import TrainingConfig
from face_alignment_3d.training.data import load_training_data
from face_alignment_3d.training.export import export_weights
from face_alignment_3d.training.face_model import load_labels3d
from face_alignment_3d.training.loop import train
from face_alignment_3d.training.turned_labels import TurnedLabels
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.loading import load_cascade, read_metadata
from face_alignment_3d.weights.manifest import WeightsEntry

#: What may change between a stop and a resume: nothing that the weights so far were made with.
_FREE_TO_CHANGE = ("steps", "validate_every", "checkpoint_seconds", "full_precision_from")


def run_recipe(
    config: TrainingConfig,
    data: Path,
    out: Path,
    *,
    device: torch.device,
    command: str,
    report: Callable[[str], None],
    made: Path | None = None,
    start: Path | None = None,
) -> WeightsEntry:
    """Trains ``config`` on the photos below ``data`` and exports into ``out``.

    The same call resumes a run that was stopped.

    ``command`` is what the manifest will say made the weights. ``made`` is a folder of turned photos and
    pseudo-labels, ``start`` a weight file of the same preset; both are for a run that refines weights.
    """
    if start is not None:
        config = dataclasses.replace(config, starts_from=sha256_of(start))
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, config)
    report(f"reading photos below {data}")
    weights = None if start is None else _weights_to_start_from(start, config)
    samples = load_training_data(data, config, made)
    turned = TurnedLabels(load_labels3d(data))
    cascade, errors = train(config, samples, turned, out, start=weights, device=device, report=report)
    entry = export_weights(cascade, config, out, command=command, errors=errors)
    report(f"wrote {out / entry.file} ({entry.bytes / 1e6:.1f} MB) and its manifest entry")
    return entry


def _weights_to_start_from(path: Path, config: TrainingConfig) -> dict[str, torch.Tensor]:
    preset = read_metadata(path)["preset"]
    if preset != config.preset:
        raise DataError(f"expected weights of {config.preset} to start from; {path} has those of {preset}")
    return load_cascade(path).state_dict()


def _claim(out: Path, config: TrainingConfig) -> None:
    """Notes the configuration in ``out``; refuses a folder that holds a run of another."""
    path = out / "config.json"
    wanted = json.loads(json.dumps(config.as_dict()))
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(
                f"{path} is not JSON ({error}); give another --out or delete that folder"
            ) from error
        different = sorted(
            key for key in wanted if key not in _FREE_TO_CHANGE and found.get(key) != wanted[key]
        )
        if different:
            raise DataError(
                f"{out} holds a run with another {', '.join(different)}; resume it with the same "
                "settings, or give another --out"
            )
    write_atomically(path, (json.dumps(wanted, indent=2) + "\n").encode())
