"""Exporting a finished run as a weight file with its manifest entry."""

import datetime
from collections.abc import Mapping
from pathlib import Path

from face_alignment_3d.markup import MARKUP_NAME
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.loading import entry_for_file, save_cascade
from face_alignment_3d.weights.manifest import WeightsEntry, write_manifest

#: The photos decide the terms of the weights, whatever the code's license.
LICENSE = "non-commercial research (terms of the training photos; see MODEL_CARD.md)"

#: The training data of every run on the photos of the data folder, a line for each set.
DATA = (
    "HELEN train (870 photos, 300-W annotation)",
    "LFPW train (805 photos, 300-W annotation)",
    "AFLW (16,496 faces; 21 hand-made points each, 68 of MERL-RAV with visibility for 10,325)",
    "YouTube Faces frames, UTKFace, All-Age-Faces, StyleGAN2 portraits, facial expressions and turned faces "
    "of those sets and LFW (5,943 faces; labels of 3DDFA_V2 and of earlier weights)",
    "3DDFA_V2's points of all these faces, and the Basel Face Model's 68-point basis (no photos)",
    "views of these photos turned out of plane, drawn with the head model ICT-FaceKit",
)


def export_weights(
    cascade: Cascade,
    out: Path,
    *,
    preset: str,
    seed: int,
    steps: int,
    command: str,
    errors: Mapping[str, float],
    data: tuple[str, ...] = DATA,
    starts_from: str | None = None,
) -> WeightsEntry:
    """Writes ``<preset>.safetensors`` and ``<preset>.manifest.json`` into ``out``; returns the entry.

    ``steps`` are those of all stages together, ``data`` a line for each set that was trained on. ``errors``
    are what the run measured on its held-out samples, by name, percent.
    """
    path = out / f"{preset}.safetensors"
    date = today()
    save_cascade(
        cascade,
        path,
        preset=preset,
        metadata={
            "license": LICENSE,
            "training_command": command,
            "seed": str(seed),
            "steps": str(steps),
            "date": date,
            **({} if starts_from is None else {"starts_from_sha256": starts_from}),
        },
    )
    entry = entry_for_file(
        path,
        name=preset,
        url=None,
        embedded=True,
        license=LICENSE,
        data=data,
        training_command=command,
        seed=seed,
        metrics={f"held-out {name} (%)": round(value, 3) for name, value in errors.items()},
        date=date,
    )
    write_manifest({entry.name: entry}, out / f"{preset}.manifest.json")
    return entry


def write_entry(
    path: Path,
    *,
    license: str,
    data: tuple[str, ...],
    command: str,
    seed: int,
    metrics: Mapping[str, float],
    date: str,
) -> WeightsEntry:
    """The manifest entry of weights other than a cascade's, of which there is one file a kind.

    The file's stem is the kind and the name; the entry is written to ``<name>.manifest.json`` beside it.
    """
    entry = WeightsEntry(
        name=path.stem,
        kind=path.stem,
        preset=None,
        file=path.name,
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        url=None,
        embedded=True,
        input_size=None,
        markup=MARKUP_NAME,
        license=license,
        data=data,
        training_command=command,
        seed=seed,
        metrics=metrics,
        date=date,
    )
    write_manifest({entry.name: entry}, path.with_name(f"{entry.name}.manifest.json"))
    return entry


def today() -> str:
    """The day in UTC, YYYY-MM-DD."""
    return datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
