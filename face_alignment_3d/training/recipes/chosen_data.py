"""Training and validation data from data sets that a user names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.kinds import KINDS_TO_LIFT, open_dataset
from face_alignment_3d.training.data.datasets.on_demand import SamplesOnDemand
from face_alignment_3d.training.data.face_model import load_face_model
from face_alignment_3d.training.data.inspection import inspect_dataset
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import Pool
from face_alignment_3d.training.recipes.config import RunConfig

_MOST_HELD_OUT = 200


def load_chosen_data(
    datasets: Sequence[tuple[str, Path]], config: RunConfig, *, models: Path | None = None
) -> tuple[list[Pool], dict[str, list[Sample]]]:
    """The training data, with the same frequency for every face, and the held-out samples of each set.

    ``datasets`` are kinds (of :data:`face_alignment_3d.training.data.datasets.kinds.KINDS`) with their
    folders. Every ``config.holdout_every``-th face of a set is held out; at most 200 of them, which are read
    at once, are validated with. Photos are read when they are drawn. ``models`` is the data folder whose face
    model gives z to sets that have none.

    Every label file is read first: :class:`DataError` is raised for an unknown kind, for data that are
    missing or broken, and for labels that cannot be those of a face in their photo.
    """
    lifts = any(kind in KINDS_TO_LIFT for kind, _ in datasets)
    model = load_face_model(models) if lifts and models is not None else None
    chosen: list[SamplesOnDemand] = []
    validation: dict[str, list[Sample]] = {}
    digests: list[dict[str, str]] = []
    for kind, directory in datasets:
        dataset = open_dataset(kind, directory, model=model)
        samples = SamplesOnDemand(dataset, config.face_size)
        digests.append({f"{kind}={directory.name}": inspect_dataset(dataset)})
        held_out = range(0, len(samples), config.holdout_every)
        training = [index for index in range(len(samples)) if index not in held_out]
        if not training:
            raise DataError(f"expected faces to train on in {directory}, got {len(samples)} in all")
        chosen.append(replace(samples, indices=training))
        some = held_out[:: max(1, -(-len(held_out) // _MOST_HELD_OUT))]
        validation.setdefault(kind, []).extend(samples[index] for index in some)
    whole = sum(len(samples) for samples in chosen)
    pools = [
        Pool(samples, len(samples) / whole, np.full(len(samples), 1 / len(samples)), digest)
        for samples, digest in zip(chosen, digests, strict=True)
    ]
    return pools, validation
