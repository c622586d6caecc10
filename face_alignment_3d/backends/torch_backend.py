"""The cascade in torch, on any of its devices."""

import functools
import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from face_alignment_3d.backends.device_crops import pack, parts_of, sample
from face_alignment_3d.backends.protocol import CascadeOutput, Crops, CropSource, SourcedCrops
from face_alignment_3d.devices import choose_device
from face_alignment_3d.errors import BackendError
from face_alignment_3d.lazy import Lazy, beside_fork
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.folding import fold_batch_norms
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.networks.packing import can_pack, pack_convolutions
from face_alignment_3d.torch_settings import own_inference, own_loading
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.requirement import require_weights
from face_alignment_3d.weights.safetensors_file import read_weight_file
from face_alignment_3d.weights.store import PinnedWeights, pinned_weights

#: The number format of convolutions; coordinates are always computed in float32.
Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]

_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

#: Faces that are in the network at a time on a CPU.
_MOST_ON_CPU: Final = 8
#: Recorded networks that are kept for the next aligner of the same weights: TorchScript never gives back all
#: of the memory of a recording.
_RECORDINGS: Final = 2

_Forward: TypeAlias = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]


class _Network(NamedTuple):
    """A loaded cascade."""

    forward: _Forward
    geometry: CascadeGeometry
    device: torch.device
    dtype: torch.dtype
    process: int
    """The process that loaded it."""


class TorchBackend:
    """A weight file's cascade with its batch norms folded, channels last (a :class:`.protocol.Backend`).

    On a CPU, in 32 bits, it is recorded, with convolutions packed for oneDNN where torch has that.

    Arguments are as of :class:`face_alignment_3d.FaceAligner3D`. ``dtype`` other than "float32" runs
    convolutions and products in 16 bits: about twice as fast on recent CUDA devices; points differ by a
    fraction of a pixel. "float16" needs CUDA; "bfloat16" CUDA or the CPU. ``compile`` hands the network to
    ``torch.compile``: the first calls then take long, later ones less. ``device_crops``: crops are sampled on
    the device, from the parts of the photos that they show, if the caller gives these
    (:class:`.protocol.SourcedCrops`); None does so on CUDA.

    Weights are loaded at the first use; pickles and copies load them anew. The caller's autocast, gradient
    mode, default type and default device have no effect on the network, and no global setting of torch is
    changed.

    Raises :class:`WeightsError`, :class:`DeviceError` and, for a ``dtype`` that is unknown or not for that
    device, :class:`BackendError`; :class:`WeightsError` for a damaged file at the first use.
    """

    name: Final = "torch"

    def __init__(
        self,
        weights: str | os.PathLike[str],
        *,
        device: str | torch.device = "auto",
        dtype: Precision = "float32",
        compile: bool = False,
        device_crops: bool | None = None,
        offline: bool | None = None,
    ) -> None:
        if dtype not in _DTYPES:
            raise BackendError(f"dtype must be one of {', '.join(map(repr, _DTYPES))}; got {dtype!r}")
        if not isinstance(compile, bool):
            raise BackendError(f"compile must be True or False; got {compile!r}")
        # Looking for "auto" is left to the first use: it may start CUDA, which does not survive a fork.
        if device != "auto" or dtype != "float32":
            _require_dtype(dtype, choose_device(device))
        self._device = str(device)
        self._compile = compile
        self._device_crops = device_crops
        required = require_weights(weights, kind="cascade", offline=offline)
        self._network = Lazy(partial(_load, required, self._device, dtype, compile, offline))

    @property
    def device(self) -> str:
        """As torch spells it: "cpu", "cuda", "cuda:1", "mps"."""
        return str(choose_device(self._device))

    @property
    def geometry(self) -> CascadeGeometry:
        """The sizes of its crops and outputs."""
        return self._network().geometry

    def run(self, crops: Crops) -> CascadeOutput:
        """Runs the cascade on B RGB crops, uint8 (B, S, S, 3).

        Raises :class:`BackendError` in a fork of a process that used a GPU, and where ``torch.compile``
        cannot compile.
        """
        network = self._network()
        if network.device.type != "cpu" and network.process != os.getpid():
            raise _forked(network.device.type)
        return beside_fork(lambda: self._run(network, crops))

    def _run(self, network: _Network, crops: Crops) -> CascadeOutput:
        kind = network.device.type
        on_device = kind == "cuda" if self._device_crops is None else self._device_crops
        if on_device and isinstance(crops, SourcedCrops):
            return self._run_sources(network, crops.sources)
        # On a CPU more faces at a time are no faster, and the memory that they need is not given back.
        most = _MOST_ON_CPU if kind == "cpu" else len(crops)
        parts = []
        for start in range(0, len(crops), most):
            # Bytes go to the device, a quarter of what floats would be.
            pixels = torch.from_numpy(crops[start : start + most]).to(network.device)
            parts.append([_array(tensor) for tensor in self._forward(network, pixels)])
        return _output([np.concatenate(arrays) for arrays in zip(*parts, strict=True)])

    def _run_sources(self, network: _Network, sources: Sequence[CropSource]) -> CascadeOutput:
        parts = []
        order: list[npt.NDArray[np.int64]] = []
        done = 0
        for some, windows in parts_of(sources):
            # While the device is at work the next part is packed: nothing is waited for until the end.
            packed = pack(some, windows, pinned=network.device.type == "cuda").to(network.device)
            with own_inference(network.device.type):
                pixels = sample(packed)
            parts.append(self._forward(network, pixels))
            order.append(done + packed.order)
            done += len(some)
        back = np.argsort(np.concatenate(order))
        return _output([_array(torch.cat(tensors))[back] for tensors in zip(*parts, strict=True)])

    def _forward(self, network: _Network, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Crops (B, S, S, 3) -> points, confidence and, where there is one, visibility."""
        with own_inference(network.device.type, network.dtype):
            try:
                # Permuting gives (B, 3, S, S) in channels-last order, which is faster on CPUs.
                return network.forward(crops.permute(0, 3, 1, 2))
            except Exception as error:
                if self._compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                    raise BackendError(
                        f"torch.compile failed ({str(error).strip().splitlines()[0]}); install a C++ "
                        "compiler that it can use, or leave out compile=True"
                    ) from error
                raise


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _output(arrays: list[npt.NDArray[np.float32]]) -> CascadeOutput:
    points, confidence, *visibility = arrays
    return CascadeOutput(points, confidence, visibility[0] if visibility else None)


def _require_dtype(dtype: str, device: torch.device) -> None:
    fit = {"float32": True, "bfloat16": device.type in ("cpu", "cuda"), "float16": device.type == "cuda"}
    if not fit[dtype]:
        raise BackendError(f"dtype {dtype!r} is not for device {str(device)!r}; use dtype='float32'")


def _forked(device: str) -> BackendError:
    return BackendError(
        f"this process was forked from one that had used torch on {device!r}, which does not survive a fork; "
        "start processes with multiprocessing's 'spawn' or 'forkserver', make the aligner and use it in the "
        "child alone, or use device='cpu'"
    )


def _load(
    weights: str | Path, device_name: str, dtype_name: str, compile: bool, offline: bool | None
) -> _Network:
    pinned = pinned_weights(weights, offline=offline)
    dtype = _DTYPES[dtype_name]
    with own_loading():
        device = choose_device(device_name)
        if device.type == "cpu" and dtype == torch.float32 and not compile:
            forward, geometry = _recorded(pinned)
            return _Network(forward, geometry, device, dtype, os.getpid())
        cascade = _folded(pinned)
        for part in (cascade.detection, cascade.regression, cascade.depth, cascade.visibility):
            if part is not None:
                _to_dtype(part, dtype)
        try:
            cascade = cascade.to(device).to(memory_format=torch.channels_last)
        except RuntimeError as error:
            if "forked subprocess" in str(error):
                raise _forked(device.type) from error
            raise
        network: _Forward = torch.compile(cascade) if compile else cascade
    return _Network(network, cascade.geometry, device, dtype, os.getpid())


def _folded(weights: PinnedWeights) -> Cascade:
    """The cascade with batch norms folded into convolutions; on the CPU, channels last."""
    # After the strict load: a folded network has other tensors than a weight file.
    cascade = load_cascade(read_weight_file(weights.path, sha256=weights.sha256))
    fold_batch_norms(cascade)
    return cascade.to(memory_format=torch.channels_last)


@functools.lru_cache(maxsize=_RECORDINGS)
def _recorded(weights: PinnedWeights) -> tuple[_Forward, CascadeGeometry]:
    """The cascade of a weight file, recorded for the CPU: convolutions in oneDNN's layout, no Python between.

    For one face that is a quarter faster. All aligners of these weights share the result. The recording holds
    for any number of faces. With PYTORCH_JIT=0, which switches TorchScript off, the operations are called
    from Python.
    """
    cascade = _folded(weights)
    size = cascade.geometry.input_size
    # A batch of 1 would be taken for a constant.
    example = torch.zeros(2, 3, size, size, dtype=torch.uint8).to(memory_format=torch.channels_last)
    with warnings.catch_warnings():
        # That shapes are recorded as numbers: all but the batch are. And that torch.compile is newer.
        warnings.simplefilter("ignore")
        if can_pack():
            pack_convolutions(cascade, example[:1])
        traced = torch.jit.trace(cascade, example, check_trace=False)  # type: ignore[no-untyped-call]
        recorded: _Forward = (
            torch.jit.freeze(traced) if isinstance(traced, torch.jit.ScriptModule) else cascade
        )
    return recorded, cascade.geometry


def _to_dtype(part: nn.Module, dtype: torch.dtype) -> None:
    """Stores the weights of convolutions and matrix products in ``dtype``, so that autocast converts none."""
    for module in part.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            module.to(dtype)
