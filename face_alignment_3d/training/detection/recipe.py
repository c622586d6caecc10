"""The run that makes the scout's weights, from labels to a weight file. Reads top to bottom."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.weights_file import save_scout
from face_alignment_3d.training.detection.config import ScoutConfig
from face_alignment_3d.training.detection.labels import FILE_NAME, load_detection_labels
from face_alignment_3d.training.detection.photos import ScenePhotos
from face_alignment_3d.training.detection.scene_batches import SceneBatchMaker
from face_alignment_3d.training.detection.trainer import ScoutTrainer
from face_alignment_3d.training.detection.validation import validate_scout
from face_alignment_3d.training.engine.export import LICENSE, today, write_entry
from face_alignment_3d.training.engine.progress import Report
from face_alignment_3d.training.engine.run_config_check import check_settings
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.manifest import WeightsEntry

NAME: Final = "scout"

#: The data of every run, a line for each set.
DATA: Final = (
    "WIDER FACE, a part of its validation photos (731 photos, the boxes of all their faces)",
    "HELEN train and LFPW train (1,534 photos, 300-W annotation)",
    "AFLW (16,345 faces) and 5,937 faces of YouTube Faces, UTKFace, All-Age-Faces, StyleGAN2 portraits, "
    "facial expressions and LFW, pasted into other photos",
    "323 everyday photos without people, one for each of so many ImageNet classes",
    "faces that CenterFace (MIT) finds beside the labelled ones, and how `lite` says that heads lean",
)

#: Settings that may change between a stop and a resume.
_FREE_TO_CHANGE = ("validate_every", "checkpoint_seconds")


def run_scout_recipe(
    config: ScoutConfig,
    data: Path,
    derived_data: Path,
    out: Path,
    *,
    start: Path | None = None,
    device: torch.device,
    command: str,
    report: Report,
) -> WeightsEntry:
    """Trains the scout on the photos below ``data`` with the labels in ``derived_data``.

    Writes ``scout.safetensors`` and ``scout.manifest.json`` into ``out`` and returns the manifest's entry,
    with the results on held-out photos. ``start`` is a scout to go on from, in place of random weights;
    ``command`` is what the entry will say made the weights.

    The same call resumes a run that was stopped. Raises :class:`DataError` for data that is missing, when
    ``out`` holds a run with another configuration or on other labels, and when the loss is not finite; and
    :class:`TrainingStopped` on SIGTERM or Ctrl-C, after saving.
    """
    if start is not None:
        config = replace(config, starts_from=sha256_of(start))
    out.mkdir(parents=True, exist_ok=True)
    _check_run(out, config, sha256_of(derived_data / FILE_NAME))
    report(f"reading photos below {data}")
    photos = ScenePhotos.read(data, load_detection_labels(derived_data))
    maker = SceneBatchMaker(
        photos, config.shares, config.photometric, config.size, config.batch_size, config.seed
    )
    trainer = ScoutTrainer(config, out / "checkpoint.safetensors", start=start, device=device)
    trainer.resume(report)
    trainer.train(
        maker.batches(trainer.step, config.steps, device),
        report,
        validate=lambda: validate_scout(trainer.average.network, data),
    )
    network = trainer.average.network
    entry = _export(network, config, out, command, validate_scout(network, data))
    report(f"wrote {out / entry.file} ({entry.bytes / 1e6:.2f} MB) and its manifest entry")
    return entry


def _export(
    network: ScoutNetwork, config: ScoutConfig, out: Path, command: str, measured: dict[str, float]
) -> WeightsEntry:
    path = out / f"{NAME}.safetensors"
    date = today()
    save_scout(
        network,
        path,
        metadata={
            "license": LICENSE,
            "training_command": command,
            "seed": str(config.seed),
            "steps": str(config.steps),
            "date": date,
        },
    )
    return write_entry(
        path,
        license=LICENSE,
        data=DATA,
        command=command,
        seed=config.seed,
        metrics={name: round(value, 2) for name, value in measured.items()},
        date=date,
    )


def _check_run(out: Path, config: ScoutConfig, labels: str) -> None:
    """Refuses a folder that holds a run with other settings or on other labels."""
    wanted: dict[str, Any] = json.loads(json.dumps({**config.as_dict(), "labels": labels}))
    check_settings(
        out,
        wanted,
        lambda found: (
            key
            for key in {*wanted, *found}
            if key not in _FREE_TO_CHANGE and wanted.get(key) != found.get(key)
        ),
    )
