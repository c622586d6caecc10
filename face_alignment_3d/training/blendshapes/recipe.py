"""A whole run, from ICT-FaceKit and photos to a weight file. Reads top to bottom."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch

from face_alignment_3d.aligner import FaceAligner3D
from face_alignment_3d.arkit import BLENDSHAPES, VISIBLE
from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.blendshapes.mirroring import mirror_permutation
from face_alignment_3d.blendshapes.regressor import Regressor
from face_alignment_3d.blendshapes.weights_file import BlendshapeModel, save_blendshape_model
from face_alignment_3d.pose.head_pose import canonical_points
from face_alignment_3d.training.blendshapes.expression_model import ExpressionModel, load_expression_model
from face_alignment_3d.training.blendshapes.fitting import BlendshapeConfig, Report, fit
from face_alignment_3d.training.blendshapes.measured_reading import measure_reading
from face_alignment_3d.training.blendshapes.measuring import (
    Worth,
    summary,
    worth_on_faces,
    worth_on_photos,
)
from face_alignment_3d.training.blendshapes.photos import Photos, read_photos
from face_alignment_3d.training.blendshapes.samples import training_faces, unseen_faces
from face_alignment_3d.training.engine.export import today, write_entry
from face_alignment_3d.training.evaluation.tables import Table
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.manifest import WeightsEntry
from face_alignment_3d.weights.store import resolve_weights

NAME: Final = "blendshapes"

#: ICT-FaceKit is free; the photos, by which its points and the network's are told apart, are not.
LICENSE: Final = "non-commercial research (terms of the training photos; see MODEL_CARD.md)"

DATA: Final = (
    "ICT-FaceKit (MIT license): identities and expressions at the landmarks",
    "HELEN train and LFPW train (1,535 photos, 300-W annotation): offset of the markup, openness of the eyes",
)

_NOISE: Final = 0.01
#: The unseen faces come from a stream of random numbers of their own.
_UNSEEN_STREAM: Final = 1


def run_blendshape_recipe(
    config: BlendshapeConfig, data: Path, out: Path, *, landmarks: str, command: str, report: Report
) -> WeightsEntry:
    """Trains on ``data`` and writes ``blendshapes.safetensors``, its manifest and a table into ``out``.

    ``landmarks`` are the weights of the landmark network whose points are to be read. Raises
    :class:`DataError` when data are missing, :class:`WeightsError` when weights are.
    """
    # The batches are too small to share, and the same number of threads gives the same weights.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = load_expression_model(data)
    network = resolve_weights(landmarks)
    photos = read_photos(data, FaceAligner3D(network, backend="torch", device="cpu"))
    report(f"read {len(photos.training.paths)} photos, and {len(photos.held_out.paths)} to measure with")
    weights, worths = train(model, photos, config, report=report)
    metrics = {**summary(worths), **worth_on_photos(weights.reading, weights.regressor, photos.held_out)}
    metrics = {name: round(value, 4) for name, value in metrics.items() if math.isfinite(value)}

    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}.safetensors"
    date = today()
    save_blendshape_model(
        weights,
        path,
        metadata={
            "license": LICENSE,
            "training_command": command,
            "seed": str(config.seed),
            "landmark_weights_sha256": sha256_of(network),
            "date": date,
        },
    )
    entry = write_entry(
        path,
        license=LICENSE,
        data=DATA,
        command=command,
        seed=config.seed,
        metrics=metrics,
        date=date,
    )
    content = {"metrics": metrics, "blendshapes": [asdict(worth) for worth in worths]}
    write_atomically(out / f"{NAME}.report.json", (json.dumps(content, indent=2) + "\n").encode())
    write_atomically(out / f"{NAME}.report.md", table(worths).encode())
    return entry


def train(
    model: ExpressionModel, photos: Photos, config: BlendshapeConfig, *, report: Report
) -> tuple[BlendshapeModel, tuple[Worth, ...]]:
    """The trained weights, and the quality of each of the 52 blendshapes on unseen faces with 1 % noise."""
    resting = model.faces(np.zeros((1, len(model.identity))), np.zeros((1, len(BLENDSHAPES))))
    neutral = canonical_points(resting)[0]
    reading = measure_reading(photos.training, neutral)
    faces = training_faces(model, config.samples, np.random.default_rng(config.seed))
    report(f"made {config.samples} faces")
    of_all = fit(faces, config, report=report)
    rng = np.random.default_rng([config.seed, _UNSEEN_STREAM])
    worths = worth_on_faces(of_all, unseen_faces(model, config.unseen, rng, noise=_NOISE))
    return BlendshapeModel(reading, _visible_part(of_all), neutral), worths


def table(worths: tuple[Worth, ...]) -> str:
    """A Markdown table with a line for each blendshape that the model has."""
    rows = (
        (
            worth.name,
            (
                "yes" if worth.visible else "NaN",
                f"{worth.correlation:.2f}",
                f"{worth.mean_absolute_error:.3f}",
            ),
        )
        for worth in worths
        if worth.name != "tongueOut"
    )
    titles = ("given", "correlation", "mean absolute error")
    return Table("blendshape", titles, tuple(rows)).markdown() + "\n"


def _visible_part(regressor: Regressor) -> Regressor:
    """The regressor without the outputs that the library does not return."""
    kept = [BLENDSHAPES.index(name) for name in VISIBLE]
    weight, bias = regressor.layers[-1]
    layers = (*regressor.layers[:-1], (weight[kept], bias[kept]))
    return replace(regressor, layers=layers, mirror=mirror_permutation(VISIBLE))
