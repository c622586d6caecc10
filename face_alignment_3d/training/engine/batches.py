"""Batches that are a function of the seed and the step, made ahead of time on other threads."""

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.networks.cascade import CascadeGeometry
from face_alignment_3d.training.data.augment import (
    AugmentedCrop,
    CropVariation,
    Example,
    augmented_crop,
    draw_variation,
    show,
)
from face_alignment_3d.training.data.augment_torch import PackedCrops, pack, render
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.data.sample import Sample

_CPU = torch.device("cpu")

_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class Pool:
    """Samples, the share of a batch that comes from them, and how often each is drawn."""

    samples: Sequence[Sample]
    share: float
    sampling_weights: npt.NDArray[np.float64]
    """(len(samples),), sum 1."""
    digests: Mapping[str, str] | None = None
    """SHA-256 of the data that the samples are read from, by the name of their set; None has it taken of the
    samples themselves."""


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
    visible: torch.Tensor
    """(B, 66)"""
    weight_visible: torch.Tensor
    """(B, 66)"""

    def to(self, device: torch.device) -> "Batch":
        """The batch on ``device``."""
        return Batch(*(tensor.to(device) for tensor in vars(self).values()))


@dataclass(frozen=True)
class BatchMaker:
    """Draws and augments the batch of any step, or a part of it."""

    pools: Sequence[Pool]
    geometry: CascadeGeometry
    geometric: CropVariation
    photometric: Photometric
    batch_size: int
    """Of the whole batch."""
    seed: int
    part: slice | None = None
    """What is made of it; None for all. All is drawn, so that the parts of several processes fit together."""

    def batch(self, step: int) -> Batch:
        """The batch of ``step``, made on the CPU."""
        return collate([show(view) for view in self.views(step)])

    def packed(self, step: int) -> PackedCrops:
        """The same batch, to be rendered on a device."""
        return pack(self.views(step))

    def views(self, step: int) -> list[AugmentedCrop]:
        """What the batch of ``step`` shows: a function of the seed and the step."""
        generator = np.random.default_rng([self.seed, step])
        shares = np.array([pool.share for pool in self.pools])
        chosen = generator.choice(len(self.pools), size=self.batch_size, p=shares / shares.sum())
        size, crop_scale = self.geometry.input_size, self.geometry.crop_scale
        drawn = []
        for index in chosen:
            pool = self.pools[index]
            place = int(generator.choice(len(pool.samples), p=pool.sampling_weights))
            variation = draw_variation(
                generator, size=size, geometric=self.geometric, photometric=self.photometric
            )
            drawn.append((pool.samples, place, variation))
        # Samples are looked up last: some are read from disk then, and only those of the part are needed.
        return [
            augmented_crop(samples[place], variation, size=size, crop_scale=crop_scale)
            for samples, place, variation in (drawn if self.part is None else drawn[self.part])
        ]


def collate(examples: Sequence[Example]) -> Batch:
    """Stacks examples; the crops come out channels-last without a copy."""
    crops = torch.from_numpy(np.stack([example.crop for example in examples])).permute(0, 3, 1, 2)
    return Batch(
        crops,
        *(
            torch.from_numpy(np.stack([getattr(example, name) for example in examples]))
            for name in ("points", "weight_xy", "weight_z", "visible", "weight_visible")
        ),
    )


def prefetch(
    maker: BatchMaker,
    *,
    start: int,
    stop: int,
    device: torch.device = _CPU,
    depth: int = 8,
    threads: int | None = None,
) -> Generator[Batch, None, None]:
    """The batches of steps ``start`` to ``stop - 1`` in order, on ``device``; ``depth`` are under way.

    For CUDA, threads only cut out the pixels that are needed, and the crops are rendered on the GPU when
    their turn comes; else threads make them on the CPU. Closing the generator ends the threads, by default
    2, which leaves the CPU to the network, or 8 beside a GPU.
    """
    if device.type == "cuda":
        # The transfer of pinned memory goes on beside the GPU's work on the batch before.
        packed = in_order(lambda step: maker.packed(step).pin_memory(), start, stop, depth, threads or 8)
        with closing(packed):
            for views in packed:
                yield rendered(views.to(device))
    else:
        made = in_order(maker.batch, start, stop, depth, threads or 2)
        with closing(made):
            for batch in made:
                yield batch.to(device)


def rendered(packed: PackedCrops) -> Batch:
    """The batch of packed views, on the device that they are on."""
    return Batch(
        render(packed),
        packed.points,
        packed.weight_xy,
        packed.weight_z,
        packed.visible,
        packed.weight_visible,
    )


def in_order(
    make: Callable[[int], _Made], start: int, stop: int, depth: int, threads: int
) -> Generator[_Made, None, None]:
    """``make(start)`` to ``make(stop - 1)``, made on threads, at most ``depth`` ahead of the consumer."""
    with ThreadPoolExecutor(threads) as executor:
        waiting: deque[Future[_Made]] = deque()
        upcoming = start
        try:
            for _ in range(start, stop):
                while upcoming < stop and len(waiting) < depth:
                    waiting.append(executor.submit(make, upcoming))
                    upcoming += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
