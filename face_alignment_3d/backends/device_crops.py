"""Crops sampled on a device, all of a batch at once, from the parts of the photos that they show.

The parts go up in one copy of bytes, from pinned memory where the device is CUDA. Within rounding the crops
are those of :meth:`face_alignment_3d.crop.Crop.sample`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.backends.parallel import shared_out
from face_alignment_3d.backends.protocol import CropSource
from face_alignment_3d.cores import usable_cores
from face_alignment_3d.crop import MOST_FILLING, block_mean, is_worth_filling
from face_alignment_3d.crop_windows import CropWindows, crop_windows

#: Crops, and bytes of the parts of photos, that go up together; a single crop may need more bytes.
_MOST_CROPS: Final = 128
_MOST_BYTES: Final = 64 * 2**20
#: Bytes from which on several threads copy, and their number.
_WORTH_THREADS: Final = 8 * 2**20
_MOST_THREADS: Final = 4

_NUMBERS: Final = 10
"""Of 64 bits for each crop, see :attr:`PackedCrops.memory`."""


class _Group(NamedTuple):
    """Crops whose blocks are of one size; their parts lie one behind the other."""

    block: int
    pixels: int
    """Of all parts, as they lie in memory."""
    pitch: int
    """Width in pixels that each part has in memory: a multiple of ``block``; 0 where each has its own."""


@dataclass(frozen=True)
class PackedCrops:
    """B crops to be sampled, on one device."""

    size: int
    """Height and width S of the crops."""
    count: int
    """B"""
    memory: torch.Tensor
    """uint8: 10 numbers of 64 bits for each crop, then the pixels (3 bytes) of all parts.

    The numbers: the (2, 3) matrix from crop pixels to blocks of the part; the first block's number among
    those of all parts; the blocks from one row to the next; the last block in x and in y."""
    groups: tuple[_Group, ...]
    order: npt.NDArray[np.int64]
    """(B,): the index of each of these among the crops asked for; these come by the size of their blocks."""

    def to(self, device: torch.device) -> "PackedCrops":
        """A copy on ``device``, for which the CPU need not wait."""
        return PackedCrops(
            self.size, self.count, self.memory.to(device, non_blocking=True), self.groups, self.order
        )


def parts_of(sources: Sequence[CropSource]) -> Iterator[tuple[Sequence[CropSource], CropWindows]]:
    """Crops that go up together, and their windows."""
    extents = np.array([photo.shape[1::-1] for photo, _ in sources])
    windows = crop_windows([crop for _, crop in sources], extents)
    sources = _without_vast_blocks(sources, windows)
    sides = windows.parts[:, 2:] - windows.parts[:, :2]
    bytes_so_far = np.cumsum(3 * sides.prod(axis=1))
    start = 0
    while start < len(sources):
        before = bytes_so_far[start - 1] if start else 0
        fitting = int(np.searchsorted(bytes_so_far, before + _MOST_BYTES, side="right"))
        stop = min(max(fitting, start + 1), start + _MOST_CROPS, len(sources))
        yield sources[start:stop], windows.some(slice(start, stop))
        start = stop


def _without_vast_blocks(sources: Sequence[CropSource], windows: CropWindows) -> Sequence[CropSource]:
    """The crops, with those means made here whose blocks would have to be filled up far beyond the photo.

    Their entries of ``windows`` change accordingly.
    """
    parts, blocks = windows.parts, windows.blocks
    filling = blocks * (parts[:, 2:].sum(axis=1) - parts[:, :2].sum(axis=1) + blocks)
    made = list(sources)
    for index in np.flatnonzero(filling > MOST_FILLING).tolist():
        x0, y0, x1, y1 = parts[index].tolist()
        if not is_worth_filling(y1 - y0, x1 - x0, int(blocks[index])):
            means = block_mean(made[index].photo[y0:y1, x0:x1], int(blocks[index]))
            made[index] = made[index]._replace(photo=means)
            blocks[index], parts[index] = 1, (0, 0, means.shape[1], means.shape[0])
    return made


def pack(sources: Sequence[CropSource], windows: CropWindows, *, pinned: bool) -> PackedCrops:
    """Copies the parts of photos that ``windows`` show into one piece of memory of the CPU."""
    order = np.argsort(windows.blocks, kind="stable")
    _, parts, blocks, matrices = windows.some(order)
    widths, heights = (parts[:, 2:] - parts[:, :2]).T
    across, down = -(-widths // blocks), -(-heights // blocks)  # In blocks.
    pitches = across.copy()
    groups = []
    for block in np.unique(blocks).tolist():
        same = blocks == block
        if block > 1:
            pitches[same] = across[same].max()
        pitch = 0 if block == 1 else int(pitches[same][0]) * block
        groups.append(_Group(block, int((pitches * down)[same].sum()) * block**2, pitch))
    counts = pitches * down
    memory = torch.empty(
        8 * _NUMBERS * len(order) + 3 * sum(group.pixels for group in groups),
        dtype=torch.uint8,
        device="cpu",
        pin_memory=pinned,
    )
    memory_array = memory.numpy()
    numbers = memory_array[: 8 * _NUMBERS * len(order)].view(np.float64).reshape(-1, _NUMBERS)
    numbers[:, :6] = matrices.reshape(-1, 6)
    numbers[:, 6] = np.cumsum(counts) - counts
    numbers[:, 7], numbers[:, 8], numbers[:, 9] = pitches, across - 1, down - 1
    pixels = memory_array[numbers.nbytes :].reshape(-1, 3)
    counts *= blocks**2
    firsts = (np.cumsum(counts) - counts).tolist()
    rows = list(
        zip(order.tolist(), firsts, (pitches * blocks).tolist(), blocks.tolist(), parts.tolist(), strict=True)
    )

    def copy(some: slice) -> None:
        for which, first, pitch, block, (x0, y0, x1, y1) in rows[some]:
            _copy(sources[which].photo[y0:y1, x0:x1], pixels[first:], pitch, block)

    threads = min(_MOST_THREADS, usable_cores()) if pixels.nbytes >= _WORTH_THREADS else 1
    if threads == 1:
        copy(slice(None))
    else:
        each = -(-len(rows) // threads)
        shared_out(copy, [slice(at, at + each) for at in range(0, len(rows), each)], threads=threads)
    return PackedCrops(windows.size, len(order), memory, tuple(groups), order)


def _copy(part: npt.NDArray[np.uint8], pixels: npt.NDArray[np.uint8], pitch: int, block: int) -> None:
    """Copies a part (h, w, 3) to the beginning of ``pixels`` (n, 3), its rows ``pitch`` pixels apart.

    Its last blocks are filled up with its edge pixels.
    """
    height, width = part.shape[:2]
    full_height, full_width = height + -height % block, width + -width % block
    target = pixels[: full_height * pitch].reshape(full_height, pitch, 3)
    target[:height, :width] = part
    if full_width > width:
        target[:height, width:full_width] = part[:, -1:]
    if full_height > height:
        target[height:, :full_width] = target[height - 1, :full_width]


def sample(packed: PackedCrops) -> torch.Tensor:
    """The crops (B, S, S, 3), uint8 RGB, in the order of ``packed``, on its device."""
    start = 8 * _NUMBERS * packed.count
    numbers = packed.memory[:start].view(torch.float64).view(packed.count, _NUMBERS)
    return sample_windows(_blocks(packed.memory[start:].view(-1, 3), packed.groups), numbers, packed.size)


def sample_windows(pixels: torch.Tensor, numbers: torch.Tensor, size: int) -> torch.Tensor:
    """The crops (B, size, size, 3), uint8 RGB, of pictures whose ``pixels`` (n, 3) lie one behind the other.

    ``numbers`` (B, 10) float64 are as of :attr:`PackedCrops.memory`, for blocks of one pixel.
    """
    numbers = numbers[:, :, None, None]
    # 32 bits do: no more than _MOST_BYTES, or a photo, go up together.
    first, pitch, last_x, last_y = numbers[:, 6:].int().unbind(dim=1)
    x, y = _positions(numbers[:, :6].float(), size)
    result = torch.zeros((), device=x.device)
    for tap_y, share_y in _taps(y, last_y):
        row = first + tap_y * pitch
        for tap_x, share_x in _taps(x, last_x):
            values = pixels.index_select(0, (row + tap_x).flatten()).view(*x.shape, 3)
            result = result + (share_x * share_y)[..., None] * values
    return result.round_().to(torch.uint8)


def _blocks(pixels: torch.Tensor, groups: Sequence[_Group]) -> torch.Tensor:
    """Pixels of parts (n, 3) -> the means of their blocks (m, 3), uint8."""
    means = []
    start = 0
    for block, count, pitch in groups:
        of_group = pixels[start : start + count]
        start += count
        if block == 1:
            means.append(of_group)
            continue
        # Totals of vast blocks need more than 32 bits.
        number = torch.int32 if block < 2048 else torch.int64
        totals = of_group.view(-1, block, pitch // block, block, 3).sum(dim=(1, 3), dtype=number)
        # As OpenCV rounds.
        rounded = (totals + 2) // 4 if block == 2 else (totals.float() / block**2).round()
        means.append(rounded.to(torch.uint8).view(-1, 3))
    return means[0] if len(means) == 1 else torch.cat(means)


def _positions(matrices: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions x and y (B, S, S) of the pixels of crops, given their matrices (B, 6, 1, 1)."""
    axis = torch.arange(size, dtype=torch.float32, device=matrices.device)
    a, b, x, c, d, y = matrices.unbind(dim=1)
    along, down = axis[None, None, :], axis[None, :, None]
    return a * along + (b * down + x), c * along + (d * down + y)


def _taps(
    position: torch.Tensor, last: torch.Tensor
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """The two neighbors of a position along an axis that ends with ``last``, and their shares.

    The share of a neighbor beyond the axis, where it is black, is 0.
    """
    low = position.floor()
    share = position - low
    index = low.int()
    return (
        (index.clamp(min=0).minimum(last), torch.where((low >= 0) & (low <= last), 1 - share, 0.0)),
        ((index + 1).clamp(min=0).minimum(last), torch.where((low >= -1) & (low < last), share, 0.0)),
    )
