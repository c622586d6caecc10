"""Carries out drawn perturbations on a batch of crops, as tensor operations on the device it is on.

Within rounding it gives what :mod:`face_alignment_3d.training.data.photometric_opencv` gives. Each
perturbation is applied to those crops of the batch that drew it, all at once.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from face_alignment_3d.training.data.jpeg_torch import jpeg
from face_alignment_3d.training.data.photometric import (
    GaussianBlur,
    Illumination,
    MotionBlur,
    Patch,
    Perturbations,
    Recolor,
)
from face_alignment_3d.training.data.photometric_opencv import motion_kernel

_GRAY = (0.299, 0.587, 0.114)


def perturb_batch(crops: torch.Tensor, drawn: Sequence[Perturbations]) -> torch.Tensor:
    """(B, 3, S, S) float RGB crops and what was drawn for each -> the crops, perturbed.

    Pixels are whole numbers in [0, 255], before and after.
    """
    crops = _where(crops, [d.low_resolution for d in drawn], _low_resolution)
    crops = _where(crops, [d.blur for d in drawn], _blur)
    crops = _where(crops, [d.occlusion or None for d in drawn], _occlude)
    crops = _where(crops, [d.illumination for d in drawn], _illumination)
    crops = _where(crops, [d.color for d in drawn], _recolor)
    crops = _where(crops, [d.gray or None for d in drawn], _gray)
    crops = _where(crops, [d.noise for d in drawn], _add)
    return _where(crops, [d.jpeg for d in drawn], _jpeg)


def _where(
    crops: torch.Tensor,
    arguments: Sequence[object | None],
    change: Callable[..., torch.Tensor],
) -> torch.Tensor:
    """``change(chosen crops, their arguments)`` put back in the place of those whose argument is not None."""
    chosen = [index for index, argument in enumerate(arguments) if argument is not None]
    if not chosen:
        return crops
    index = torch.tensor(chosen, device=crops.device)
    changed = change(crops.index_select(0, index), [arguments[i] for i in chosen])
    return crops.index_copy(0, index, changed)


def _clip(values: torch.Tensor) -> torch.Tensor:
    return values.round().clamp(0, 255)


def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, 1)"""
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None, None]


def _low_resolution(crops: torch.Tensor, factors: Sequence[float]) -> torch.Tensor:
    """Area means, then bilinear interpolation; both are products with a matrix a crop and an axis."""
    size = crops.shape[-1]
    small = [round(size * factor) for factor in factors]
    most = max(small)
    down = np.zeros((len(small), most, size), dtype=np.float32)
    up = np.zeros((len(small), size, most), dtype=np.float32)
    for index, cells in enumerate(small):
        down[index, :cells] = _area_means(size, cells)
        up[index, :, :cells] = _linear_interpolation(cells, size)
    shrink, enlarge = (torch.from_numpy(m).to(crops.device)[:, None] for m in (down, up))
    means = (shrink @ crops @ shrink.transpose(-1, -2)).round()
    return _clip(enlarge @ means @ enlarge.transpose(-1, -2))


def _area_means(size: int, cells: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(cells, size): each cell's mean over its stretch of ``size`` pixels, partial pixels by their part."""
    edges = np.arange(cells + 1) * (size / cells)
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    share: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.clip(overlap, 0, 1) * (cells / size)
    return share


def _linear_interpolation(cells: int, size: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(size, cells): each of ``size`` pixels between its two nearest cells; the outer ones repeat."""
    place = np.clip((np.arange(size) + 0.5) * (cells / size) - 0.5, 0, cells - 1)
    matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.clip(
        1 - np.abs(place[:, None] - np.arange(cells)), 0, 1
    )
    return matrix


def _blur(crops: torch.Tensor, blurs: Sequence[GaussianBlur | MotionBlur]) -> torch.Tensor:
    kernels = [_kernel(blur) for blur in blurs]
    most = max(kernel.shape[0] for kernel in kernels)
    stacked = np.stack([np.pad(kernel, (most - kernel.shape[0]) // 2) for kernel in kernels])
    weights = torch.from_numpy(stacked.astype(np.float32)).to(crops.device)
    batch, channels, height, width = crops.shape
    padded = F.pad(crops, (most // 2,) * 4, mode="reflect")
    grouped = padded.reshape(1, batch * channels, *padded.shape[-2:])
    kernels_each = weights.repeat_interleave(channels, dim=0)[:, None]
    # bf16 has too few digits for 8-bit pixels; TF32, where convolutions use it, has just enough.
    with torch.autocast(crops.device.type, enabled=False):
        blurred = F.conv2d(grouped, kernels_each, groups=batch * channels)
    return _clip(blurred.view(batch, channels, height, width))


def _kernel(blur: GaussianBlur | MotionBlur) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    if isinstance(blur, MotionBlur):
        return motion_kernel(blur)
    # Of the length that OpenCV takes for 8-bit pixels.
    length = round(6 * blur.std + 1) | 1
    offsets = np.arange(length) - length // 2
    line = np.exp(-0.5 * (offsets / blur.std) ** 2)
    line /= line.sum()
    kernel: np.ndarray[tuple[int, int], np.dtype[np.float32]] = np.outer(line, line).astype(np.float32)
    return kernel


def _occlude(crops: torch.Tensor, occlusions: Sequence[tuple[Patch, ...]]) -> torch.Tensor:
    return torch.stack([_cover(crop, patches) for crop, patches in zip(crops, occlusions, strict=True)])


def _cover(crop: torch.Tensor, patches: tuple[Patch, ...]) -> torch.Tensor:
    """(3, S, S), with the patches over it."""
    covered = crop
    for patch in patches:
        if patch.pixels is None:
            shown = crop.flip(-1).roll(patch.shift, dims=(1, 2))
        else:
            pixels = torch.from_numpy(patch.pixels).to(crop.device, crop.dtype)
            shown = pixels[:, None, None] if pixels.ndim == 1 else pixels.permute(2, 0, 1)
        covered = torch.where(_mask(patch, crop), shown, covered)
    return covered


def _mask(patch: Patch, crop: torch.Tensor) -> torch.Tensor:
    """(S, S), true where the patch lies."""
    axis = torch.arange(crop.shape[-1], dtype=crop.dtype, device=crop.device)
    ys, xs = axis[:, None], axis[None, :]
    top, left, height, width = patch.top, patch.left, patch.height, patch.width
    if patch.tilt is None:
        return (ys >= top) & (ys <= top + height) & (xs >= left) & (xs <= left + width)
    y, x = ys - (top + height // 2), xs - (left + width // 2)
    cosine, sine = math.cos(math.radians(patch.tilt)), math.sin(math.radians(patch.tilt))
    # Half a cell more than the axes, so that the pixels on the outline are covered too, as OpenCV does.
    along = (x * cosine + y * sine) / (width // 2 + 0.5)
    across = (y * cosine - x * sine) / (height // 2 + 0.5)
    return along.square() + across.square() <= 1


def _illumination(crops: torch.Tensor, illuminations: Sequence[Illumination]) -> torch.Tensor:
    axis = torch.linspace(-1, 1, crops.shape[-1], dtype=crops.dtype, device=crops.device)
    cosine = _column([math.cos(illumination.angle) for illumination in illuminations], crops)
    sine = _column([math.sin(illumination.angle) for illumination in illuminations], crops)
    strength = _column([illumination.strength for illumination in illuminations], crops)
    return _clip(crops * torch.exp(strength * (cosine * axis[None, :] + sine * axis[:, None])))


def _recolor(crops: torch.Tensor, colors: Sequence[Recolor]) -> torch.Tensor:
    tables = torch.from_numpy(np.stack([color.table().T for color in colors])).to(crops.device)
    recolored = tables.to(crops.dtype).gather(2, crops.flatten(2).long()).view_as(crops)
    saturations = [color.saturation for color in colors]
    return _where(recolored, saturations, _saturate)


def _saturate(crops: torch.Tensor, saturations: Sequence[float]) -> torch.Tensor:
    gray = _gray(crops, ())
    return _clip(gray + (crops - gray) * _column(saturations, crops))


def _gray(crops: torch.Tensor, _: Sequence[object]) -> torch.Tensor:
    weights = torch.tensor(_GRAY, dtype=crops.dtype, device=crops.device)[:, None, None]
    return (crops * weights).sum(dim=1, keepdim=True).round().expand_as(crops)


def _add(
    crops: torch.Tensor, noises: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]
) -> torch.Tensor:
    noise = torch.from_numpy(np.stack(noises)).to(crops.device).permute(0, 3, 1, 2)
    return _clip(crops + noise)


def _jpeg(crops: torch.Tensor, qualities: Sequence[int]) -> torch.Tensor:
    # The codec that the CPU uses takes the channels for BGR.
    return jpeg(crops.flip(1), torch.tensor(qualities, dtype=crops.dtype, device=crops.device)).flip(1)
