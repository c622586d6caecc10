"""Opens a backend by its name; torch is imported only for the torch backend."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, Union

from face_alignment_3d.backends.protocol import Backend
from face_alignment_3d.errors import BackendError
from face_alignment_3d.optional import is_installed, optional_import

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
    """The backend for ``weights``, which loads them when it is first used.

    Arguments are as of :class:`face_alignment_3d.FaceAligner3D`. Raises :class:`BackendError` where the
    runtime is not installed or cannot do what is asked of it, :class:`WeightsError` for weights that are not
    there, :class:`DeviceError` for a device that is not there and ValueError unless ``threads`` is None or a
    whole number from 1 to 1024.
    """
    if choose(weights, backend) == "torch":
        if threads is not None:
            raise BackendError(
                "threads is for backend 'onnx': torch has one number of threads for the whole process, which "
                "torch.set_num_threads sets"
            )
        with optional_import("backend 'torch'"):
            from face_alignment_3d.backends.torch_backend import TorchBackend

        return TorchBackend(weights, device=device, dtype=dtype, compile=compile, offline=offline)
    if dtype != "float32" or compile:
        raise BackendError(
            f"dtype={dtype!r} and compile={compile} are for backend 'torch'; leave them out with 'onnx'"
        )
    from face_alignment_3d.backends.onnx_backend import OnnxBackend

    return OnnxBackend(weights, device=str(device), threads=threads, offline=offline)


def own_backend(backend: Backend, *, has_options: bool) -> Backend:
    """Checks a ``backend`` object that the caller made, and returns it.

    Raises :class:`BackendError` for an object that lacks the methods of a backend, and, with ``has_options``,
    where the caller has also given options that only backends opened by name take.
    """
    if isinstance(backend, type) or not callable(getattr(backend, "run", None)):
        raise BackendError(
            "backend must be 'auto', 'torch', 'onnx', or an object with the methods of "
            f"face_alignment_3d.backends.protocol.Backend; got {backend!r}"
        )
    if has_options:
        raise BackendError(
            "weights, device, dtype, compile and threads are for backends by name; leave them out with a "
            f"{type(backend).__name__}, which has its own"
        )
    return backend


def choose(weights: str | os.PathLike[str], backend: str) -> Literal["torch", "onnx"]:
    """The runtime: "auto" is "onnx" for an .onnx file and where torch is not installed, else "torch".

    Raises :class:`BackendError` for another name, and for an .onnx file with backend "torch".
    """
    if backend not in ("auto", "torch", "onnx"):
        raise BackendError(f"backend must be 'auto', 'torch' or 'onnx'; got {backend!r}")
    is_graph = isinstance(weights, (str, os.PathLike)) and Path(weights).suffix == ".onnx"
    if backend == "torch" and is_graph:
        raise BackendError(
            f"{os.fspath(weights)} is an ONNX file; use backend 'onnx', or .safetensors weights"
        )
    if backend == "auto":
        return "onnx" if is_graph or not is_installed("torch") else "torch"
    return "torch" if backend == "torch" else "onnx"
