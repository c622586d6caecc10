"""The run that makes the scout's weights, from labels to a weight file. Reads top to bottom."""

import datetime
import json
import math
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import torch

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.detection.scout.layout import cells
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.weights_file import save_scout
from face_alignment_3d.errors import DataError
from face_alignment_3d.interruption import StopRequests
from face_alignment_3d.markup import MARKUP_NAME
from face_alignment_3d.training.detection.config import ScoutConfig
from face_alignment_3d.training.detection.labels import FILE_NAME, load_detection_labels
from face_alignment_3d.training.detection.losses import scout_losses
from face_alignment_3d.training.detection.photos import ScenePhotos
from face_alignment_3d.training.detection.scene_batches import SceneBatchMaker
from face_alignment_3d.training.detection.validation import validate_scout
from face_alignment_3d.training.engine.checkpoint import load_checkpoint, save_checkpoint
from face_alignment_3d.training.engine.ema import ModelEMA
from face_alignment_3d.training.engine.export import LICENSE
from face_alignment_3d.training.engine.interruption import TrainingStopped
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.manifest import WeightsEntry, write_manifest

NAME: Final = "scout"

#: What every run learns from, a line for each set.
DATA: Final = (
    "WIDER FACE, a part of its validation photos (731 photos, the boxes of all their faces)",
    "HELEN train and LFPW train (1,534 photos, 300-W annotation)",
    "AFLW (16,345 faces) and 5,937 faces of YouTube Faces, UTKFace, All-Age-Faces, StyleGAN2 portraits, "
    "facial expressions and LFW, pasted into other photos",
    "326 everyday photos without people, one for each of so many ImageNet classes",
    "faces that CenterFace (MIT) finds beside the labelled ones, and how `lite` says that heads lean",
)

Report = Callable[[str], None]

_REPORT_EVERY = 100
#: What may change between a stop and a resume.
_FREE_TO_CHANGE = ("validate_every", "checkpoint_seconds")


def run_scout_recipe(
    config: ScoutConfig,
    data: Path,
    derived_data: Path,
    out: Path,
    *,
    device: torch.device,
    command: str,
    report: Report,
) -> WeightsEntry:
    """Trains the scout on the photos below ``data`` with the labels in ``derived_data``; writes
    ``scout.safetensors`` and ``scout.manifest.json`` into ``out`` and returns the manifest's entry, which has
    what was measured on held-out photos. ``command`` is what it will say made the weights.

    The same call resumes a run that was stopped. Raises :class:`DataError` for data that is missing, when
    ``out`` holds a run with another configuration or on other labels, and when the loss is not finite; and
    :class:`TrainingStopped` on SIGTERM or Ctrl-C, after saving.
    """
    out.mkdir(parents=True, exist_ok=True)
    _check_run(out / "config.json", config, sha256_of(derived_data / FILE_NAME))
    report(f"reading photos below {data}")
    photos = ScenePhotos.read(data, load_detection_labels(derived_data))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = _starting_network()
    network = network.to(device).to(memory_format=torch.channels_last)
    average = ModelEMA(network, config.average_decay)
    optimizer = torch.optim.AdamW(_parameter_groups(network, config.weight_decay), lr=config.learning_rate)
    checkpoint = out / "checkpoint.safetensors"
    step = 0
    if checkpoint.exists():
        step = load_checkpoint(checkpoint, network=network, average=average.network, optimizer=optimizer)
        report(f"resumed at step {step}")
    maker = SceneBatchMaker(
        photos, config.shares, config.photometric, config.size, config.batch_size, config.seed
    )
    grid = torch.from_numpy(cells(config.size, config.size)).float().to(device)

    def save() -> None:
        save_checkpoint(checkpoint, step=step, network=network, average=average.network, optimizer=optimizer)

    sums: dict[str, float] = {}
    start, started, saved = step, time.monotonic(), time.monotonic()
    with StopRequests() as requests, closing(maker.batches(step, config.steps, device)) as batches:
        for batch in batches:
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _rate_factor(step, config)
            network.train()
            half = config.precision == "bf16" and step < 0.95 * config.steps
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                output = network(batch.pixels)
            losses = scout_losses(output, grid, batch.targets)
            total = losses["score"] + config.box_weight * losses["box"] + config.roll_weight * losses["roll"]
            if not math.isfinite(float(total.detach())):
                raise DataError(
                    f"the loss is not finite at step {step}; expected finite labels and a learning rate that "
                    "the network stands. The last checkpoint is kept"
                )
            optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_norm)
            optimizer.step()
            average.update(network, step)
            step += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            if step % _REPORT_EVERY == 0:
                speed = (step - start) / (time.monotonic() - started)
                said = "  ".join(f"{name} {value / _REPORT_EVERY:.4f}" for name, value in sums.items())
                left = (config.steps - step) / speed / 60
                report(
                    f"step {step}/{config.steps}  {said}  {speed * config.batch_size:.0f} pictures/s  "
                    f"{left:.0f} min left"
                )
                sums = {}
            if requests.received:
                save()
                raise TrainingStopped(requests.received, step)
            if time.monotonic() - saved > config.checkpoint_seconds:
                save()
                saved = time.monotonic()
            if step % config.validate_every == 0 and step < config.steps:
                measured = validate_scout(average.network, data)
                report("  ".join(f"{name} {value:.1f}" for name, value in measured.items()))
        save()
    entry = _export(average.network, config, out, command, validate_scout(average.network, data))
    report(f"wrote {out / entry.file} ({entry.bytes / 1e6:.2f} MB) and its manifest entry")
    return entry


def _export(
    network: ScoutNetwork, config: ScoutConfig, out: Path, command: str, measured: dict[str, float]
) -> WeightsEntry:
    path = out / f"{NAME}.safetensors"
    today = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    save_scout(
        network,
        path,
        metadata={
            "license": LICENSE,
            "training_command": command,
            "seed": str(config.seed),
            "steps": str(config.steps),
            "date": today,
        },
    )
    entry = WeightsEntry(
        name=NAME,
        kind="scout",
        preset=None,
        file=path.name,
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        url=None,
        embedded=True,
        input_size=None,
        markup=MARKUP_NAME,
        license=LICENSE,
        data=DATA,
        training_command=command,
        seed=config.seed,
        metrics={name: round(value, 2) for name, value in measured.items()},
        date=today,
    )
    write_manifest({entry.name: entry}, out / f"{NAME}.manifest.json")
    return entry


def _starting_network() -> ScoutNetwork:
    network = ScoutNetwork()
    # Nearly sure that there is no face, lest the many empty cells swamp the first steps; and heads upright.
    with torch.no_grad():
        torch.nn.init.zeros_(network.output.bias)  # type: ignore[arg-type]
        network.output.bias[0] = -4.0  # type: ignore[index]
        network.output.bias[5] = 1.0  # type: ignore[index]
    return network


def _check_run(path: Path, config: ScoutConfig, labels: str) -> None:
    """Notes what a run is made of in ``path``; refuses a folder that holds another."""
    wanted: dict[str, Any] = json.loads(json.dumps({**config.as_dict(), "labels": labels}))
    if path.exists():
        try:
            found = dict(json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is not JSON ({error}); give another --out or delete it") from error
        different = sorted(
            key
            for key in {*wanted, *found}
            if key not in _FREE_TO_CHANGE and wanted.get(key) != found.get(key)
        )
        if different:
            raise DataError(
                f"{path.parent} holds a run with another {', '.join(different)}; resume it with the same "
                "settings, or give another --out"
            )
    write_atomically(path, (json.dumps(wanted, indent=2) + "\n").encode())


def _rate_factor(step: int, config: ScoutConfig) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def _parameter_groups(network: ScoutNetwork, weight_decay: float) -> list[dict[str, object]]:
    """Weights of convolutions decay; biases and batch norms do not."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
