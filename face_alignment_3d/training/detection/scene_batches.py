"""Batches of scenes, a function of the seed and the step."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from face_alignment_3d.training.data.photometric import Photometric, sample_perturbations
from face_alignment_3d.training.data.photometric_opencv import perturb
from face_alignment_3d.training.detection.losses import TargetBatch
from face_alignment_3d.training.detection.photos import ScenePhotos
from face_alignment_3d.training.detection.scenes import SceneShares, sample_scene
from face_alignment_3d.training.detection.targets import make_targets
from face_alignment_3d.training.engine.batches import in_order


@dataclass(frozen=True, eq=False)
class SceneBatch:
    """B pictures."""

    pixels: torch.Tensor
    """(B, S, S, 3) uint8 RGB."""
    targets: TargetBatch

    def to(self, device: torch.device) -> "SceneBatch":
        """The batch on ``device``."""
        targets = TargetBatch(*(tensor.to(device) for tensor in vars(self.targets).values()))
        return SceneBatch(self.pixels.to(device), targets)


@dataclass(frozen=True)
class SceneBatchMaker:
    """Draws the batch of any step."""

    photos: ScenePhotos
    shares: SceneShares
    photometric: Photometric
    size: int
    batch_size: int
    seed: int

    def batch(self, step: int) -> SceneBatch:
        """The batch of ``step``."""
        generator = np.random.default_rng([self.seed, step])
        drawn = sample_perturbations(self.batch_size, self.size, generator, self.photometric)
        pictures, targets = [], []
        for index in range(self.batch_size):
            picture, faces = sample_scene(self.photos, self.shares, self.size, generator)
            pictures.append(perturb(picture, drawn, index))
            targets.append(make_targets(faces, self.size))
        return SceneBatch(
            torch.from_numpy(np.stack(pictures)),
            TargetBatch(
                *(
                    torch.from_numpy(np.stack([getattr(one, name) for one in targets]))
                    for name in ("weights", "boxes", "rolls", "roll_weights")
                )
            ),
        )

    def batches(
        self, start: int, stop: int, device: torch.device, *, threads: int = 2
    ) -> Generator[SceneBatch, None, None]:
        """The batches of steps ``start`` to ``stop - 1`` in order, made ahead on threads."""
        with closing(in_order(self.batch, start, stop, depth=2 * threads, threads=threads)) as made:
            for batch in made:
                yield batch.to(device)
