"""Importing modules that may not be installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

from face_alignment_3d.errors import BackendError

_PACKAGE: Final = "face-alignment-3d"

#: Module -> what to install for it.
_REQUIREMENTS: Final = {
    **dict.fromkeys(("torch", "torchvision", "facenet_pytorch", "skimage", "safetensors"), _PACKAGE),
    **dict.fromkeys(("onnxruntime", "onnx", "onnxscript"), f"{_PACKAGE}[onnx]"),
    "av": f"{_PACKAGE}[video]",
    "pythonosc": f"{_PACKAGE}[osc]",
    **dict.fromkeys(("pyarrow", "fsspec"), f"{_PACKAGE}[batch]"),
    "ray": f"{_PACKAGE}[ray]",
    "tensorboard": f"{_PACKAGE}[train]",
    **dict.fromkeys(("fastapi", "uvicorn", "websockets", "prometheus_client"), f"{_PACKAGE}[serve]"),
}


def is_installed(module: str) -> bool:
    """True if ``module`` can be found; it is not imported."""
    try:
        return find_spec(module) is not None
    except (
        ImportError,
        ValueError,
    ):  # A finder refuses it; or sys.modules has None, or a stub, in its place.
        return False


@contextmanager
def optional_import(purpose: str) -> Iterator[None]:
    """For ``with`` blocks that import a module which may be missing.

    Raises :class:`BackendError` where the module is missing or cannot be loaded; its message says that
    ``purpose`` needs it and what to install. Other errors pass.
    """
    try:
        yield
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        if module not in _REQUIREMENTS:
            raise
        raise BackendError(
            f"{purpose} needs {module}, which cannot be imported here ({error}); run "
            f"`pip install '{_REQUIREMENTS[module]}'`"
        ) from error
