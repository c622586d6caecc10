"""Makes the crops of a batch as tensor operations, on the device where the photos are.

:class:`PhotoStore` keeps photos on a device, one behind the other. :func:`pack` is the work left for the CPU:
a few numbers for each crop. :func:`render` warps and perturbs. Within rounding the crops are those of
:func:`face_alignment_3d.training.data.augment.show`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.crop_windows import windows_of
from face_alignment_3d.training.data.augment import Views
from face_alignment_3d.training.data.photometric_torch import (
    PackedPerturbations,
    pack_perturbations,
    perturb_batch,
)


@dataclass(frozen=True, eq=False)
class PhotoStore:
    """N photos on one device."""

    pixels: torch.Tensor
    """(all pixels, 3) uint8 RGB: the rows of the first photo, then those of the second, and so on."""
    starts: torch.Tensor
    """(N,) int64: where in ``pixels`` each photo begins."""
    sizes: torch.Tensor
    """(N, 2) int64: height and width."""

    @classmethod
    def of(cls, images: Sequence[npt.NDArray[np.uint8]]) -> "PhotoStore":
        """Copies (H, W, 3) RGB photos of any sizes, on the CPU."""
        counts = np.array([image.shape[0] * image.shape[1] for image in images], dtype=np.int64)
        starts = np.cumsum(counts) - counts
        pixels = np.empty((int(counts.sum()), 3), dtype=np.uint8)
        for image, start, count in zip(images, starts, counts, strict=True):
            pixels[start : start + count] = image.reshape(-1, 3)
        sizes = np.array([image.shape[:2] for image in images], dtype=np.int64).reshape(-1, 2)
        return cls(torch.from_numpy(pixels), torch.from_numpy(starts), torch.from_numpy(sizes))

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> "PhotoStore":
        """The store with ``move`` applied to every tensor."""
        return PhotoStore(move(self.pixels), move(self.starts), move(self.sizes))

    def to(self, device: torch.device) -> "PhotoStore":
        """A copy on ``device``."""
        return self.moved(lambda tensor: tensor.to(device))


@dataclass(frozen=True, eq=False)
class PackedViews:
    """The views of a batch as tensors: all data that go to a device that has the photos."""

    size: int
    """Height and width S of the crops."""
    photo: torch.Tensor
    """(B,) int64: the index of each view's photo in the store."""
    blocks: tuple[tuple[int, torch.Tensor], ...]
    """Views that shrink their photo by 2 or more take means over blocks of pixels first. Each side of blocks
    that there is, with the indices (n,) of the views that have it."""
    starts: torch.Tensor
    """(B, 2) int64: x and y of the photo's pixel where the first block begins."""
    matrices: torch.Tensor
    """(B, 2, 3) float: from pixels (x, y) of the crops, which may be mirrored, to blocks."""
    replicate: torch.Tensor
    """(B,) bool: True if edge pixels are repeated beyond the photo; else it is black there."""
    perturbations: PackedPerturbations
    labels: tuple[torch.Tensor, ...]
    """Those of :class:`face_alignment_3d.training.data.augment.Labels`, in that order."""

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> "PackedViews":
        """The views with ``move`` applied to every tensor."""
        return PackedViews(
            self.size,
            move(self.photo),
            tuple((block, move(index)) for block, index in self.blocks),
            move(self.starts),
            move(self.matrices),
            move(self.replicate),
            self.perturbations.moved(move),
            tuple(move(tensor) for tensor in self.labels),
        )

    def to(self, device: torch.device) -> "PackedViews":
        """A copy on ``device``, whose transfer the CPU need not wait for when it comes from pinned memory."""
        return self.moved(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "PackedViews":
        """A copy in page-locked memory, which a CUDA device can read by itself."""
        return self.moved(torch.Tensor.pin_memory)


def pack(views: Views, photo: npt.NDArray[np.int64]) -> PackedViews:
    """The views, of the photos (B,) of a store, as tensors on the CPU."""
    variations = views.variations
    extents = np.array([sample.image.shape[1::-1] for sample in views.samples])
    windows = windows_of(views.to_photos(), views.side / views.size, extents, size=views.size)
    blocks, matrices = windows.blocks, windows.matrices
    mirrored = variations.mirrored
    matrices[mirrored, :, 2] += (views.size - 1) * matrices[mirrored, :, 0]
    matrices[mirrored, :, 0] *= -1
    return PackedViews(
        views.size,
        torch.from_numpy(photo),
        tuple((int(b), torch.from_numpy(np.flatnonzero(blocks == b))) for b in np.unique(blocks)),
        torch.from_numpy(windows.parts[:, :2].copy()),
        torch.from_numpy(matrices.astype(np.float32)),
        torch.from_numpy(variations.replicate),
        pack_perturbations(variations.perturbations),
        tuple(torch.from_numpy(array) for array in views.labels),
    )


@torch.no_grad()
def render(packed: PackedViews, store: PhotoStore) -> torch.Tensor:
    """The crops (B, 3, S, S), uint8 RGB, channels last, on the device of both."""
    if len(packed.blocks) == 1:
        crops = _warp(packed, store, *packed.blocks[0])
    else:
        shape = (len(packed.photo), packed.size, packed.size, 3)
        crops = torch.empty(shape, dtype=torch.float32, device=store.pixels.device)
        for block, index in packed.blocks:
            crops.index_copy_(0, index, _warp(packed, store, block, index))
    crops = perturb_batch(crops.permute(0, 3, 1, 2).contiguous(), packed.perturbations)
    return crops.to(torch.uint8).contiguous(memory_format=torch.channels_last)


def _warp(packed: PackedViews, store: PhotoStore, block: int, index: torch.Tensor) -> torch.Tensor:
    """(n, S, S, 3) float: bilinear samples of means over blocks, rounded; the views ``index`` (n,) alone."""
    photo = packed.photo.index_select(0, index)
    first = store.starts.index_select(0, photo)[:, None, None]
    height, width = store.sizes.index_select(0, photo)[:, :, None, None].unbind(dim=1)
    start_x, start_y = packed.starts.index_select(0, index)[:, :, None, None].unbind(dim=1)
    axis = torch.arange(packed.size, dtype=torch.float32, device=photo.device)
    across, down, offset = packed.matrices.index_select(0, index)[:, :, None, None].unbind(dim=-1)
    x, y = (across * axis[None, :] + down * axis[:, None] + offset).unbind(dim=1)
    # The last block along an axis may be partial: it is filled up with the edge pixels.
    last_x, last_y = (width - 1 - start_x) // block, (height - 1 - start_y) // block
    clamped = packed.replicate.index_select(0, index)[:, None, None]
    x = torch.where(clamped, torch.minimum(x.clamp_min(0), last_x), x)
    y = torch.where(clamped, torch.minimum(y.clamp_min(0), last_y), y)
    left, top = x.floor(), y.floor()
    right_share, bottom_share = x - left, y - top
    left, top = left.long(), top.long()

    def tap(tap_x: torch.Tensor, tap_y: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        inside = (tap_x >= 0) & (tap_x <= last_x) & (tap_y >= 0) & (tap_y <= last_y)
        pixel_x, pixel_y = tap_x.clamp_min(0) * block + start_x, tap_y.clamp_min(0) * block + start_y
        total = torch.zeros((), device=photo.device)
        for step_y in range(block):
            row = first + torch.minimum(pixel_y + step_y, height - 1) * width
            for step_x in range(block):
                place = row + torch.minimum(pixel_x + step_x, width - 1)
                pixels = store.pixels.index_select(0, place.flatten()).float()
                total = total + pixels
        means = total if block == 1 else (total / block**2).round()
        return means.view(*share.shape, 3) * (share * inside)[..., None]

    result = tap(left, top, (1 - right_share) * (1 - bottom_share))
    result += tap(left + 1, top, right_share * (1 - bottom_share))
    result += tap(left, top + 1, (1 - right_share) * bottom_share)
    result += tap(left + 1, top + 1, right_share * bottom_share)
    return result.round()
