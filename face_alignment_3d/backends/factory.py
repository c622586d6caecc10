"""Which runtime a caller gets. Torch is imported only where it is the one."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, Union

from face_alignment_3d.backends.protocol import Backend
from face_alignment_3d.errors import BackendError
from face_alignment_3d.weights.store import resolve_weights

if TYPE_CHECKING:
    import torch

    from face_alignment_3d.backends.torch_backend import Precision

BackendName: TypeAlias = Literal["auto", "torch", "onnx"]

#: A device by name, or as torch's object.
DeviceLike: TypeAlias = Union[str, "torch.device"]


def open_backend(
    weights: str | os.PathLike[str],
    *,
    backend: BackendName = "auto",
    device: DeviceLike = "auto",
    dtype: "Precision" = "float32",
    compile: bool = False,
    threads: int | None = None,
    offline: bool | None = None,
) -> Backend:
    """Loads ``weights`` into a runtime; arguments as of :class:`face_alignment_3d.FaceAligner3D`.

    Raises :class:`BackendError` where the runtime is not installed or cannot do what is asked of it,
    :class:`WeightsError` when the weights cannot be had, :class:`DeviceError` for a device that is not there.
    """
    name = choose(weights, backend)
    if name == "torch":
        if threads is not None:
            raise BackendError(
                "threads is for backend 'onnx': torch has one number of threads for the whole process, which "
                "torch.set_num_threads sets"
            )
        from face_alignment_3d.backends.torch_backend import TorchBackend

        path = resolve_weights(weights, offline=offline)
        return TorchBackend(path, device=device, dtype=dtype, compile=compile)
    if dtype != "float32" or compile:
        raise BackendError(
            f"dtype={dtype!r} and compile={compile} are for backend 'torch'; leave them out with 'onnx'"
        )
    from face_alignment_3d.backends.onnx_backend import OnnxBackend
    from face_alignment_3d.onnx_graphs.cache import cascade_graph_file

    if _is_graph(weights):
        return OnnxBackend(Path(weights).expanduser(), device=str(device), threads=threads)
    graph = cascade_graph_file(resolve_weights(weights, offline=offline))
    return OnnxBackend(graph, device=str(device), threads=threads)


def choose(weights: str | os.PathLike[str], backend: BackendName) -> Literal["torch", "onnx"]:
    """The runtime: "auto" is "onnx" for an .onnx file and where torch is not installed, else "torch".

    Raises :class:`BackendError` for another name, and for an .onnx file with backend "torch".
    """
    if backend not in ("auto", "torch", "onnx"):
        raise BackendError(f"backend must be 'auto', 'torch' or 'onnx'; got {backend!r}")
    if backend == "torch" and _is_graph(weights):
        raise BackendError(
            f"{os.fspath(weights)} is an ONNX file; use backend 'onnx', or .safetensors weights"
        )
    if backend == "auto":
        return "onnx" if _is_graph(weights) or find_spec("torch") is None else "torch"
    return backend


def _is_graph(weights: str | os.PathLike[str]) -> bool:
    return Path(weights).suffix == ".onnx"
