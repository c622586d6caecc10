"""The cascade in torch, on any of its devices."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from face_alignment_3d.backends.protocol import Crops
from face_alignment_3d.devices import choose_device
from face_alignment_3d.errors import BackendError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.folding import fold_batch_norms
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.networks.packing import can_pack, pack_convolutions
from face_alignment_3d.weights.loading import load_cascade

#: The number format of convolutions; coordinates are always computed in float32.
Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]

_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TorchBackend:
    """A weight file's cascade with its batch norms folded, channels last (a :class:`.protocol.Backend`).

    On a CPU, in 32 bits, it is recorded, with convolutions packed for oneDNN where torch has that.

    ``dtype`` other than "float32" runs convolutions and products in 16 bits: about twice as fast on recent
    CUDA devices; points differ by a fraction of a pixel. "float16" needs CUDA; "bfloat16" CUDA or the CPU.
    ``compile`` hands the network to ``torch.compile``: the first calls then take long, later ones less.

    Raises :class:`WeightsError`, :class:`DeviceError` and, for a ``dtype`` that is unknown or not for that
    device, :class:`BackendError`.
    """

    name: Final = "torch"

    def __init__(
        self,
        weights: Path,
        *,
        device: "str | torch.device" = "auto",
        dtype: Precision = "float32",
        compile: bool = False,
    ) -> None:
        self._device = choose_device(device)
        self._dtype = _checked(dtype, self._device)
        # After the strict load: a folded network has other tensors than a weight file.
        cascade = load_cascade(weights, device=self._device)
        fold_batch_norms(cascade)
        for part in (cascade.detection, cascade.regression, cascade.depth):
            _to_dtype(part, self._dtype)
        cascade = cascade.to(memory_format=torch.channels_last)
        self.geometry: CascadeGeometry = cascade.geometry
        self._mixed = self._dtype != torch.float32
        self._run: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
        if compile:
            self._run = torch.compile(cascade)
        elif self._device.type == "cpu" and not self._mixed:
            self._run = _recorded(cascade)
        else:
            self._run = cascade

    @property
    def device(self) -> str:
        """As torch spells it: "cpu", "cuda", "cuda:1", "mps"."""
        return str(self._device)

    @torch.inference_mode()
    def run(self, crops: Crops) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """B RGB crops -> points (B, N, 3) in crop pixels and confidence (B, N) in [0, 1]."""
        # Permuting (B, S, S, 3) gives (B, 3, S, S) in channels-last order, which is faster on CPUs. Bytes go
        # to the device, a quarter of what floats would be.
        pixels = torch.from_numpy(crops[:]).permute(0, 3, 1, 2).to(self._device)
        with torch.autocast(self._device.type, self._dtype) if self._mixed else nullcontext():
            points, confidence = self._run(pixels)
        return points.float().cpu().numpy(), confidence.float().cpu().numpy()


def _checked(dtype: str, device: torch.device) -> torch.dtype:
    if dtype not in _DTYPES:
        raise BackendError(f"dtype must be one of {', '.join(map(repr, _DTYPES))}; got {dtype!r}")
    fit = {"float32": True, "bfloat16": device.type in ("cpu", "cuda"), "float16": device.type == "cuda"}
    if not fit[dtype]:
        raise BackendError(f"dtype {dtype!r} is not for device {str(device)!r}; use dtype='float32'")
    return _DTYPES[dtype]


def _recorded(cascade: Cascade) -> Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """The cascade in oneDNN's terms and without Python between its operations: for one face a quarter faster.

    Nothing in it depends on the pixels, or on how many faces there are, but the pixels and faces themselves.
    """
    size = cascade.geometry.input_size
    # A batch of 1 would be taken for a constant.
    example = torch.zeros(2, 3, size, size, dtype=torch.uint8).to(memory_format=torch.channels_last)
    with torch.no_grad(), warnings.catch_warnings():
        # That shapes are recorded as numbers: all but the batch are. And that torch.compile is newer.
        warnings.simplefilter("ignore")
        if can_pack():
            pack_convolutions(cascade, example[:1])
        traced = torch.jit.trace(cascade, example, check_trace=False)  # type: ignore[no-untyped-call]
        recorded = torch.jit.freeze(traced)
    return cast("Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]", recorded)


def _to_dtype(part: nn.Module, dtype: torch.dtype) -> None:
    """Stores the weights of convolutions and products in ``dtype``, so that autocast converts none."""
    for module in part.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            module.to(dtype)
