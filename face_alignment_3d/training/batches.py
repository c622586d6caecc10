"""Batches that are a function of the seed and the step, made ahead of time on other threads."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.networks.cascade import CascadeGeometry
from face_alignment_3d.training.augment import Example, Geometric, augment
from face_alignment_3d.training.photometric import Photometric
from face_alignment_3d.training.sample import Sample


@dataclass(frozen=True, eq=False)
class Pool:
    """Samples, the share of a batch that comes from them, and how often each is drawn."""

    samples: Sequence[Sample]
    share: float
    odds: npt.NDArray[np.float64]
    """(len(samples),), sum 1."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B examples; points in crop pixels."""

    crops: torch.Tensor
    """(B, 3, S, S) uint8 RGB, channels last."""
    points: torch.Tensor
    """(B, 66, 3)"""
    weight_xy: torch.Tensor
    """(B, 66)"""
    weight_z: torch.Tensor
    """(B, 66)"""


@dataclass(frozen=True)
class BatchMaker:
    """Draws and augments the batch of any step."""

    pools: Sequence[Pool]
    geometry: CascadeGeometry
    geometric: Geometric
    photometric: Photometric
    batch_size: int
    seed: int

    def batch(self, step: int) -> Batch:
        generator = np.random.default_rng([self.seed, step])
        shares = np.array([pool.share for pool in self.pools])
        chosen = generator.choice(len(self.pools), size=self.batch_size, p=shares / shares.sum())
        examples = []
        for index in chosen:
            pool = self.pools[index]
            sample = pool.samples[generator.choice(len(pool.samples), p=pool.odds)]
            examples.append(
                augment(
                    sample,
                    generator,
                    size=self.geometry.input_size,
                    extension=self.geometry.crop_extension,
                    geometric=self.geometric,
                    photometric=self.photometric,
                )
            )
        return collate(examples)


def collate(examples: Sequence[Example]) -> Batch:
    """Stacks examples; the crops come out channels-last without a copy."""
    crops = torch.from_numpy(np.stack([example.crop for example in examples])).permute(0, 3, 1, 2)
    return Batch(
        crops,
        torch.from_numpy(np.stack([example.points for example in examples])),
        torch.from_numpy(np.stack([example.weight_xy for example in examples])),
        torch.from_numpy(np.stack([example.weight_z for example in examples])),
    )


def ahead(
    maker: BatchMaker, *, start: int, stop: int, depth: int = 8, threads: int = 2
) -> Generator[Batch, None, None]:
    """The batches of steps ``start`` to ``stop - 1`` in order, ``depth`` of them under way at any time.

    Closing the generator ends its threads.
    """
    with ThreadPoolExecutor(threads) as executor:
        waiting: deque[Future[Batch]] = deque()
        upcoming = start
        try:
            for _ in range(start, stop):
                while upcoming < stop and len(waiting) < depth:
                    waiting.append(executor.submit(maker.batch, upcoming))
                    upcoming += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
