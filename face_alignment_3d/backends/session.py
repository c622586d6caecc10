"""Opening an ONNX file in ONNX Runtime."""

import ctypes
import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import numpy as np

from face_alignment_3d.cores import usable_cores
from face_alignment_3d.errors import DeviceError, WeightsError
from face_alignment_3d.optional import is_installed, optional_import
from face_alignment_3d.paths import is_file

if TYPE_CHECKING:
    import onnxruntime

_WARNINGS_AND_WORSE = 3
#: More than machines have cores; ONNX Runtime would start each.
_MOST_THREADS: Final = 1024

_OPEN: "Final[WeakSet[onnxruntime.InferenceSession]]" = WeakSet()


def open_session(
    graph: Path | bytes,
    *,
    device: str = "auto",
    threads: int | None = None,
    varying_sizes: bool = False,
) -> "tuple[onnxruntime.InferenceSession, str]":
    """A session for ``graph``, a file or its bytes, and the device that it runs on, "cpu" or "cuda:<index>".

    ``device`` is "auto" (CUDA where this build of ONNX Runtime has it, else the CPU), "cpu", "cuda" or
    "cuda:<index>". ``threads`` None is one for each core that the process may use. ``varying_sizes`` is for
    inputs of many sizes: memory is given back after each run, where it would be kept for each size.

    Raises :class:`BackendError` where ONNX Runtime is not installed, :class:`DeviceError` for a device that
    it does not have, :class:`WeightsError` for a file that it cannot read, ValueError as of
    :func:`require_threads`.
    """
    require_threads(threads)
    onnxruntime = _runtime()
    chosen, _, index = choose_device(device).partition(":")
    if isinstance(graph, Path):
        require_graph(graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores() if threads is None else int(threads)
    options.log_severity_level = _WARNINGS_AND_WORSE
    if varying_sizes:
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    # Each session has threads of its own. Left alone they spin for a while after a run and keep those of the
    # next session from their cores: with two cores and four sessions, a photo took four times as long.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    providers: list[object] = ["CPUExecutionProvider"]
    if chosen == "cuda":
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(index)}))
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # ONNX Runtime has an exception class of its own for each kind of failure.
        name = graph if isinstance(graph, Path) else "the graph in memory"
        raise WeightsError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {name}: {error}; make it again with "
            "`face-alignment-3d export onnx`"
        ) from error
    _OPEN.add(session)
    return session, "cpu" if chosen == "cpu" else f"cuda:{index}"


def require_graph(file: Path) -> None:
    """Raises :class:`WeightsError` unless there is such a file."""
    if not is_file(file):
        raise WeightsError(
            f"there is no ONNX file {file}; check the path, or make it with `face-alignment-3d export onnx`"
        )


def require_threads(threads: int | None) -> None:
    """Raises ValueError unless ``threads`` is None or a whole number from 1 to 1024."""
    if threads is None:
        return
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise ValueError(f"threads must be None or a whole number; got {threads!r}")
    if not 1 <= threads <= _MOST_THREADS:
        raise ValueError(f"threads must be None or from 1 to {_MOST_THREADS}; got {threads}")


def require_device(device: str) -> None:
    """Raises as :func:`open_session`, without importing ONNX Runtime unless a GPU is asked for.

    Importing it starts threads, and a fork of a process that has them does not end.
    """
    if _kind_and_index(device)[0] == "cuda":
        choose_device(device)
    elif not is_installed("onnxruntime"):
        with optional_import("backend 'onnx'"):
            raise ModuleNotFoundError("it is not installed", name="onnxruntime")


def choose_device(device: str) -> str:
    """The device that ``device`` means here: "cpu" or "cuda:<index>". Raises as :func:`open_session`."""
    has_cuda = "CUDAExecutionProvider" in _runtime().get_available_providers()
    kind, index = _kind_and_index(device)
    if kind == "auto":
        return "cuda:0" if has_cuda else "cpu"
    if kind == "cuda" and not has_cuda:
        raise DeviceError(
            f"device {device!r} was asked for, but this build of ONNX Runtime has no CUDA; use device='cpu', "
            "or install onnxruntime-gpu in place of onnxruntime"
        )
    return "cpu" if kind == "cpu" else f"cuda:{int(index or 0)}"


def _kind_and_index(device: str) -> tuple[str, str]:
    kind, _, index = device.partition(":")
    if (kind not in ("cpu", "cuda") or not (index.isdigit() or not index)) and device != "auto":
        raise DeviceError(
            f"with backend 'onnx' the device must be 'auto', 'cpu', 'cuda' or 'cuda:1', ...; got {device!r}"
        )
    return kind, index


def _runtime() -> ModuleType:
    with optional_import("backend 'onnx'"):
        import onnxruntime
    module: ModuleType = onnxruntime
    return module


def _keep_after_fork() -> None:
    """Keeps the parent's sessions alive in a forked child, where closing them would wait forever.

    Their threads do not exist there. (Calling ``sys.exit`` in the child still waits forever: ONNX Runtime
    then ends other threads that do not exist either.)
    """
    for session in _OPEN:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):  # Not on Windows, which cannot fork.
    os.register_at_fork(after_in_child=_keep_after_fork)
