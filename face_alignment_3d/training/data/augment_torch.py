"""Carries out drawn views as tensor operations, a batch at a time, so that a GPU need not wait for the CPU.

:func:`pack` is what is left for the CPU: it copies from each photo the pixels under its crop. :func:`render`
warps and perturbs them on the device. Within rounding the crops are those of
:func:`face_alignment_3d.training.data.augment.show`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.training.data.augment import AugmentedCrop
from face_alignment_3d.training.data.photometric import Perturbations
from face_alignment_3d.training.data.photometric_torch import perturb_batch


@dataclass(frozen=True, eq=False)
class PackedCrops:
    """The views of a batch, ready to be rendered on any device."""

    size: int
    """Height and width S of the crops."""
    windows: torch.Tensor
    """(B, H, W, 3) uint8: the photos' pixels under each crop at the top left, anything beyond."""
    sizes: torch.Tensor
    """(B, 2) float: height and width of what is filled of each window."""
    matrices: torch.Tensor
    """(B, 2, 3) float: from pixels (x, y) of the crop to those of its window."""
    replicate: torch.Tensor
    """(B,) bool: whether edge pixels go on beyond the window; else it is black there."""
    perturbations: tuple[Perturbations, ...]
    points: torch.Tensor
    """(B, 66, 3) in crop pixels."""
    weight_xy: torch.Tensor
    """(B, 66)"""
    weight_z: torch.Tensor
    """(B, 66)"""
    visible: torch.Tensor
    """(B, 66)"""
    weight_visible: torch.Tensor
    """(B, 66)"""

    def to(self, device: torch.device) -> "PackedCrops":
        """A copy on ``device``, whose transfer the CPU need not wait for when it comes from pinned memory."""
        return self._with({name: t.to(device, non_blocking=True) for name, t in self._tensors().items()})

    def pin_memory(self) -> "PackedCrops":
        """A copy in page-locked memory, which a CUDA device can read by itself."""
        return self._with({name: tensor.pin_memory() for name, tensor in self._tensors().items()})

    def _tensors(self) -> dict[str, torch.Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, torch.Tensor)}

    def _with(self, tensors: dict[str, torch.Tensor]) -> "PackedCrops":
        # The type checker cannot tell which fields the names are.
        return replace(self, **tensors)  # type: ignore[arg-type]


def pack(views: Sequence[AugmentedCrop]) -> PackedCrops:
    """Cuts the windows of one batch of views, all of the same crop size, out of their photos."""
    cut = [_cut(view) for view in views]
    height, width = (max(window.shape[axis] for window, _ in cut) for axis in (0, 1))
    windows = np.zeros((len(cut), height, width, 3), dtype=np.uint8)
    for index, (window, _) in enumerate(cut):
        windows[index, : window.shape[0], : window.shape[1]] = window
    labels = [view.labels() for view in views]
    return PackedCrops(
        size=views[0].crop.size,
        windows=torch.from_numpy(windows),
        sizes=torch.tensor([window.shape[:2] for window, _ in cut], dtype=torch.float32),
        matrices=torch.from_numpy(np.stack([matrix for _, matrix in cut]).astype(np.float32)),
        replicate=torch.tensor([view.replicate for view in views]),
        perturbations=tuple(view.perturbations for view in views),
        points=torch.from_numpy(np.stack([one.points for one in labels])),
        weight_xy=torch.from_numpy(np.stack([one.weight_xy for one in labels])),
        weight_z=torch.from_numpy(np.stack([one.weight_z for one in labels])),
        visible=torch.from_numpy(np.stack([one.visible for one in labels])),
        weight_visible=torch.from_numpy(np.stack([one.weight_visible for one in labels])),
    )


@torch.no_grad()
def render(packed: PackedCrops) -> torch.Tensor:
    """The crops (B, 3, S, S), uint8 RGB, channels last, on the device of ``packed``."""
    crops = perturb_batch(_warp(packed), packed.perturbations)
    return crops.to(torch.uint8).contiguous(memory_format=torch.channels_last)


def _cut(view: AugmentedCrop) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """The pixels that a view's crop needs, and the (2, 3) matrix from (mirrored) crop pixels to them.

    Where the crop shrinks the photo, none travel that would be averaged away.
    """
    window, matrix = view.crop.cut(view.sample.image)
    if view.mirrored:
        matrix[:, 2] += (view.crop.size - 1) * matrix[:, 0]
        matrix[:, 0] *= -1
    return window, matrix


def _warp(packed: PackedCrops) -> torch.Tensor:
    """(B, 3, S, S) float: bilinear samples, rounded."""
    windows = packed.windows
    batch, height, width, channels = windows.shape
    axis = torch.arange(packed.size, dtype=torch.float32, device=windows.device)
    across, down, offset = packed.matrices[:, :, None, None].unbind(dim=-1)
    place = across * axis[None, None, None, :] + down * axis[None, None, :, None] + offset
    x, y = place.unbind(dim=1)
    last_y, last_x = (packed.sizes[:, i, None, None] - 1 for i in (0, 1))
    clamped = packed.replicate[:, None, None]
    x = torch.where(clamped, torch.minimum(x.clamp_min(0), last_x), x)
    y = torch.where(clamped, torch.minimum(y.clamp_min(0), last_y), y)
    left, top = x.floor(), y.floor()
    right_share, bottom_share = x - left, y - top
    flat = windows.reshape(batch, height * width, channels)

    def tap(tap_x: torch.Tensor, tap_y: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        inside = (tap_x >= 0) & (tap_x <= last_x) & (tap_y >= 0) & (tap_y <= last_y)
        index = (tap_y.clamp(0, height - 1) * width + tap_x.clamp(0, width - 1)).long().flatten(1)
        pixels = flat.gather(1, index[..., None].expand(-1, -1, channels)).float()
        return pixels * (share * inside).flatten(1)[..., None]

    total = tap(left, top, (1 - right_share) * (1 - bottom_share))
    total += tap(left + 1, top, right_share * (1 - bottom_share))
    total += tap(left, top + 1, (1 - right_share) * bottom_share)
    total += tap(left + 1, top + 1, right_share * bottom_share)
    return total.round().view(batch, packed.size, packed.size, channels).permute(0, 3, 1, 2).contiguous()
