"""Carries out drawn perturbations on a batch of crops, as tensor operations on the device it is on.

Within rounding it gives what :mod:`face_alignment_3d.training.data.photometric_opencv` gives. Each
perturbation is applied to those crops of the batch that drew it, all at once.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from face_alignment_3d.training.data.jpeg_torch import jpeg
from face_alignment_3d.training.data.photometric import COPY, MOST_PATCHES, NOISE, Perturbations
from face_alignment_3d.training.data.photometric_opencv import motion_kernel
from face_alignment_3d.training.data.pixel_noise import normal_noise, uniform_noise

_GRAY = (0.299, 0.587, 0.114)
_LONGEST_BLUR = 13
"""Cells of the largest Gaussian kernel, whose standard deviation is 2 pixels."""
_LONGEST_MOTION = 9

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class PackedPerturbations:
    """The :class:`Perturbations` of a batch as tensors, and the indices of the crops that each is for."""

    values: Tensors
    """The fields, (B, ...) each, and ``motion_kernel`` (crops with motion, 9, 9)."""
    chosen: Tensors
    """Name of a perturbation -> indices (n,) of the crops that drew it."""

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> "PackedPerturbations":
        """The perturbations with ``move`` applied to every tensor."""
        return PackedPerturbations(
            {name: move(tensor) for name, tensor in self.values.items()},
            {name: move(tensor) for name, tensor in self.chosen.items()},
        )


def pack_perturbations(drawn: Perturbations) -> PackedPerturbations:
    """The arguments of :func:`perturb_batch` as tensors, on the CPU."""
    chosen = {
        "low_resolution": drawn.low_resolution > 0,
        "blur": drawn.blur_std > 0,
        "motion": drawn.motion_length > 0,
        "occlusion": drawn.patches > 0,
        "illumination": drawn.light_strength > 0,
        "color": drawn.recolored,
        "gray": drawn.gray,
        "noise": drawn.noise_std > 0,
        "jpeg": drawn.jpeg > 0,
    }
    moving = np.flatnonzero(chosen["motion"])
    kernels = np.zeros((len(moving), _LONGEST_MOTION, _LONGEST_MOTION), dtype=np.float32)
    for row, index in enumerate(moving):
        length = int(drawn.motion_length[index])
        edge = (_LONGEST_MOTION - length) // 2
        kernel = motion_kernel(length, int(drawn.motion_angle[index]))
        kernels[row, edge : edge + length, edge : edge + length] = kernel
    values = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in vars(drawn).items()}
    return PackedPerturbations(
        {**values, "motion_kernel": torch.from_numpy(kernels)},
        {name: torch.from_numpy(np.flatnonzero(mask)) for name, mask in chosen.items()},
    )


def perturb_batch(crops: torch.Tensor, drawn: PackedPerturbations) -> torch.Tensor:
    """Applies its perturbations to each of (B, 3, S, S) float RGB crops.

    Pixels are whole numbers in [0, 255], before and after.
    """
    changes: dict[str, Callable[[torch.Tensor, Tensors], torch.Tensor]] = {
        "low_resolution": _low_resolution,
        "blur": _gaussian_blur,
        "motion": _motion_blur,
        "occlusion": _occlude,
        "illumination": _illumination,
        "color": _recolor,
        "gray": lambda chosen, _: _gray(chosen).expand_as(chosen),
        "noise": _add_noise,
        "jpeg": _jpeg,
    }
    # bf16 has too few digits for 8-bit pixels; TF32, where convolutions use it, has just enough.
    with torch.autocast(crops.device.type, enabled=False):
        for name, change in changes.items():
            index = drawn.chosen[name]
            if not len(index):
                continue
            values = {
                key: value if key == "motion_kernel" else value.index_select(0, index)
                for key, value in drawn.values.items()
                if key in _NEEDED[name]
            }
            crops = crops.index_copy(0, index, change(crops.index_select(0, index), values))
    return crops


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "low_resolution": ("low_resolution",),
    "blur": ("blur_std",),
    "motion": ("motion_kernel",),
    "occlusion": (
        "patches",
        "patch_place",
        "patch_tilt",
        "patch_content",
        "patch_color",
        "patch_shift",
        "patch_seed",
    ),
    "illumination": ("light_strength", "light_angle"),
    "color": ("gamma", "contrast", "brightness", "tints", "saturation"),
    "gray": (),
    "noise": ("noise_std", "noise_seed"),
    "jpeg": ("jpeg",),
}


def _clip(values: torch.Tensor) -> torch.Tensor:
    return values.round().clamp(0, 255)


def _column(values: torch.Tensor) -> torch.Tensor:
    """Reshapes (B,) to (B, 1, 1, 1)."""
    return values[:, None, None, None]


def _low_resolution(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    """Area means, then bilinear interpolation; both are products with a matrix a crop and an axis."""
    size = crops.shape[-1]
    # Double for the matrices: a float cannot tell where cells begin.
    cells = drawn["low_resolution"].double()[:, None, None]
    pixel = torch.arange(size, dtype=torch.float64, device=crops.device)
    # No drawn side is larger; what is beyond a crop's own cells is zero.
    cell = torch.arange(math.ceil(0.8 * size) + 1, dtype=torch.float64, device=crops.device)
    own = cell[None, :, None] < cells
    begin, end = cell[None, :, None] * (size / cells), (cell[None, :, None] + 1) * (size / cells)
    overlap = torch.minimum(end, pixel + 1) - torch.maximum(begin, pixel)
    shrink = (overlap.clamp(0, 1) * (cells / size) * own).float()[:, None]
    place = ((pixel[None, :, None] + 0.5) * (cells / size) - 0.5).clamp_min(0)
    place = torch.minimum(place, cells - 1)
    weights = (1 - (place - cell[None, None, :]).abs()).clamp(0, 1)
    enlarge = (weights * own.transpose(1, 2)).float()[:, None]
    means = (shrink @ crops @ shrink.transpose(-1, -2)).round()
    return _clip(enlarge @ means @ enlarge.transpose(-1, -2))


def _gaussian_blur(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    std = drawn["blur_std"][:, None]
    # Of the length that OpenCV takes for 8-bit pixels.
    half = torch.div((6 * std + 1).round(), 2, rounding_mode="floor")
    offsets = torch.arange(_LONGEST_BLUR, dtype=std.dtype, device=std.device) - _LONGEST_BLUR // 2
    line = torch.exp(-0.5 * (offsets / std) ** 2) * (offsets.abs() <= half)
    line = line / line.sum(dim=1, keepdim=True)
    return _filter(crops, line[:, :, None] * line[:, None, :])


def _motion_blur(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    return _filter(crops, drawn["motion_kernel"])


def _filter(crops: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Each crop with its own (K, K) kernel of ``kernels`` (B, K, K)."""
    batch, channels, height, width = crops.shape
    padded = F.pad(crops, (kernels.shape[-1] // 2,) * 4, mode="reflect")
    grouped = padded.reshape(1, batch * channels, *padded.shape[-2:])
    kernels_each = kernels.repeat_interleave(channels, dim=0)[:, None]
    filtered = F.conv2d(grouped, kernels_each, groups=batch * channels)
    return _clip(filtered.view(batch, channels, height, width))


def _occlude(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    result, size = crops, crops.shape[-1]
    axis = torch.arange(size, device=crops.device)
    for slot in range(MOST_PATCHES):
        content = _column(drawn["patch_content"][:, slot])
        color = drawn["patch_color"][:, slot, :, None, None].to(crops.dtype)
        noise = uniform_noise(drawn["patch_seed"][:, slot], size).to(crops.dtype)
        rows, columns = drawn["patch_shift"][:, slot, :, None].unbind(dim=1)
        # numpy.roll of the mirror image.
        from_row = ((axis - rows) % size)[:, None, :, None]
        from_column = (size - 1 - (axis - columns) % size)[:, None, None, :]
        copy = crops.gather(2, from_row.expand_as(crops)).gather(3, from_column.expand_as(crops))
        shown = torch.where(content == COPY, copy, torch.where(content == NOISE, noise, color))
        mask = _mask(drawn["patch_place"][:, slot], drawn["patch_tilt"][:, slot], axis)
        mask &= (drawn["patches"] > slot)[:, None, None]
        result = torch.where(mask[:, None], shown, result)
    return result


def _mask(place: torch.Tensor, tilt: torch.Tensor, axis: torch.Tensor) -> torch.Tensor:
    """(B, S, S), true where the patches (B, 4) lie that are turned by ``tilt`` (B,)."""
    top, left, height, width = place[:, :, None, None].unbind(dim=1)
    ys, xs = axis[None, :, None], axis[None, None, :]
    box = (ys >= top) & (ys <= top + height) & (xs >= left) & (xs <= left + width)
    y, x = ys - (top + height // 2), xs - (left + width // 2)
    angle = torch.deg2rad(tilt)[:, None, None]
    cosine, sine = torch.cos(angle), torch.sin(angle)
    # Half a cell more than the axes, so that the pixels on the outline are covered too, as OpenCV does.
    along = (x * cosine + y * sine) / (width // 2 + 0.5)
    across = (y * cosine - x * sine) / (height // 2 + 0.5)
    return torch.where(tilt.isnan()[:, None, None], box, along.square() + across.square() <= 1)


def _illumination(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    axis = torch.linspace(-1, 1, crops.shape[-1], dtype=crops.dtype, device=crops.device)
    angle, strength = _column(drawn["light_angle"]), _column(drawn["light_strength"])
    slope = torch.cos(angle) * axis[None, :] + torch.sin(angle) * axis[:, None]
    return _clip(crops * torch.exp(strength * slope))


def _recolor(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    levels = torch.arange(256, dtype=crops.dtype, device=crops.device) / 255
    curve = (levels ** drawn["gamma"][:, None] - 0.5) * drawn["contrast"][:, None]
    curve = curve + (0.5 + drawn["brightness"][:, None])
    tables = _clip(255 * curve[:, None] * drawn["tints"][:, :, None])
    recolored = tables.gather(2, crops.flatten(2).long()).view_as(crops)
    gray, saturation = _gray(recolored), _column(drawn["saturation"])
    saturated = _clip(gray + (recolored - gray) * saturation)
    return torch.where(saturation == 1, recolored, saturated)


def _gray(crops: torch.Tensor) -> torch.Tensor:
    """(B, 3, S, S) RGB -> (B, 1, S, S) luminance."""
    red, green, blue = (weight * crops[:, i : i + 1] for i, weight in enumerate(_GRAY))
    return (red + green + blue).round()


def _add_noise(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    noise = normal_noise(drawn["noise_seed"], crops.shape[-1])
    return _clip(crops + _column(drawn["noise_std"]) * noise)


def _jpeg(crops: torch.Tensor, drawn: Tensors) -> torch.Tensor:
    # The codec that the CPU uses takes the channels for BGR.
    return jpeg(crops.flip(1), drawn["jpeg"].to(crops.dtype)).flip(1)
