"""Training and validation data from data sets that a user names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.kinds import KINDS_TO_LIFT, open_dataset
from face_alignment_3d.training.data.datasets.on_demand import SamplesOnDemand
from face_alignment_3d.training.data.inspection import inspect_dataset
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import Pool
from face_alignment_3d.training.labels.face_model import load_face_model
from face_alignment_3d.training.recipes.config import RunConfig

_MOST_HELD_OUT = 200


@dataclass(frozen=True, eq=False)
class ChosenSamples(Sequence[Sample]):
    """Some of the samples of a sequence, each read when it is asked for."""

    samples: Sequence[Sample]
    indices: Sequence[int]

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return ChosenSamples(self.samples, self.indices[index])
        return self.samples[self.indices[index]]


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
    chosen: list[ChosenSamples] = []
    validation: dict[str, list[Sample]] = {}
    digests: list[dict[str, str]] = []
    for kind, directory in datasets:
        dataset = open_dataset(kind, directory, model=model)
        samples = SamplesOnDemand(dataset, config.face_size)
        digests.append({f"{kind}={directory.name}": inspect_dataset(dataset)})
        every = range(len(samples))
        training = [index for index in every if index % config.holdout_every]
        if not training:
            raise DataError(f"expected faces to train on in {directory}, got {len(samples)} in all")
        chosen.append(ChosenSamples(samples, training))
        held_out = every[:: config.holdout_every]
        some = held_out[:: max(1, -(-len(held_out) // _MOST_HELD_OUT))]
        validation.setdefault(kind, []).extend(samples[index] for index in some)
    whole = sum(len(samples) for samples in chosen)
    pools = [
        Pool(samples, len(samples) / whole, np.full(len(samples), 1 / len(samples)), digest)
        for samples, digest in zip(chosen, digests, strict=True)
    ]
    return pools, validation
