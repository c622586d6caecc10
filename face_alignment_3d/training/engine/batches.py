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
    CropVariation,
    Views,
    sample_variations,
    show,
    varied_views,
)
from face_alignment_3d.training.data.augment_torch import PackedViews, PhotoStore, pack, render
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.data.sample import Sample

_CPU = torch.device("cpu")

_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class Pool:
    """Samples, the share of a batch that comes from them, and the relative frequency of each."""

    samples: Sequence[Sample]
    share: float
    sampling_weights: npt.NDArray[np.float64]
    """(len(samples),), sum 1."""
    digests: Mapping[str, str] | None = None
    """SHA-256 of the data that the samples are read from, by the name of their set; None: computed from the
    samples."""


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
    """The size of the whole batch, over all processes."""
    seed: int
    part: slice | None = None
    """The part of the batch that is made; None for all. All is drawn, so that the parts of several processes
    fit together."""

    def batch(self, step: int) -> Batch:
        """The batch of ``step``, made on the CPU."""
        views, _ = self.views(step)
        crops = torch.from_numpy(np.stack([show(views, index) for index in range(len(views))]))
        return Batch(crops.permute(0, 3, 1, 2), *(torch.from_numpy(array) for array in views.labels))

    def packed(self, step: int, *, stored: bool) -> tuple[PackedViews, PhotoStore | None]:
        """The same batch, packed for rendering, with indices into :meth:`photo_store` or its own photos."""
        views, photo = self.views(step)
        if stored:
            return pack(views, photo), None
        own = PhotoStore.of([sample.image for sample in views.samples])
        return pack(views, np.arange(len(views))), own

    def photo_store(self) -> PhotoStore | None:
        """All photos of the pools, in their order; None where they are read when they are drawn."""
        if not all(isinstance(pool.samples, (list, tuple)) for pool in self.pools):
            return None
        return PhotoStore.of([sample.image for pool in self.pools for sample in pool.samples])

    def views(self, step: int) -> tuple[Views, npt.NDArray[np.int64]]:
        """The views of the batch of ``step``, and their photos' indices (B,); functions of seed and step."""
        generator = np.random.default_rng([self.seed, step])
        shares = np.array([pool.share for pool in self.pools])
        chosen = generator.choice(len(self.pools), size=self.batch_size, p=shares / shares.sum())
        places = np.empty(self.batch_size, dtype=np.int64)
        for index, pool in enumerate(self.pools):
            own = np.flatnonzero(chosen == index)
            places[own] = generator.choice(len(pool.samples), size=len(own), p=pool.sampling_weights)
        size = self.geometry.input_size
        variations = sample_variations(
            self.batch_size,
            generator,
            size=size,
            geometric=self.geometric,
            photometric=self.photometric,
        )
        part = slice(None) if self.part is None else self.part
        # Samples are looked up last: some are read from disk then, and only those of the part are needed.
        samples = [
            self.pools[index].samples[int(place)]
            for index, place in zip(chosen[part].tolist(), places[part].tolist(), strict=True)
        ]
        first = np.cumsum([0, *(len(pool.samples) for pool in self.pools[:-1])])
        crop_scale = self.geometry.crop_scale
        views = varied_views(samples, variations.part(part), size=size, crop_scale=crop_scale)
        return views, first[chosen[part]] + places[part]


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

    For CUDA, all photos that are in memory are put on the GPU first. Threads draw the numbers of a batch, and
    its crops are made on the GPU when their turn comes. Else threads make the crops on the CPU. Closing the
    generator ends the threads, by default 2, which leaves the CPU to the network, or 4 beside a GPU.
    """
    if device.type == "cuda":
        store = maker.photo_store()
        kept = None if store is None else store.to(device)
        del store

        def make(step: int) -> tuple[PackedViews, PhotoStore | None]:
            views, own = maker.packed(step, stored=kept is not None)
            # The transfer of pinned memory goes on beside the GPU's work on the batch before.
            return views.pin_memory(), own

        packed = in_order(make, start, stop, depth, threads or 4)
        with closing(packed):
            for views, own in packed:
                yield rendered(views.to(device), kept if own is None else own.to(device))
    else:
        made = in_order(maker.batch, start, stop, depth, threads or 2)
        with closing(made):
            for batch in made:
                yield batch.to(device)


def rendered(packed: PackedViews, store: PhotoStore | None) -> Batch:
    """The batch of packed views, on the device that they and their photos are on."""
    if store is None:
        raise ValueError("expected the photos of these views; got none")
    return Batch(render(packed, store), *packed.labels)


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
