"""Importing modules that may not be installed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from typing import Final

from face_alignment_3d.errors import BackendError

#: The distributions of this package, with torch and without; pip installs one of the two.
_PACKAGE: Final = "face-alignment-3d"
_TORCHFREE: Final = f"{_PACKAGE}-onnx"

#: Module -> the extra that has it; "" for what both distributions need, None for what torch's needs.
_EXTRAS: Final = {
    **dict.fromkeys(("torch", "torchvision", "facenet_pytorch", "skimage")),
    **dict.fromkeys(("platformdirs", "requests", "safetensors", "scipy", "tqdm"), ""),
    **dict.fromkeys(("onnxruntime", "onnx", "onnxscript"), "onnx"),
    "av": "video",
    "pythonosc": "osc",
    **dict.fromkeys(("pyarrow", "fsspec"), "batch"),
    "ray": "ray",
    "tensorboard": "train",
    **dict.fromkeys(("fastapi", "starlette", "uvicorn", "websockets", "prometheus_client"), "serve"),
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


def requirement(extra: str | None) -> str:
    """The words for pip to install ``extra``; "" is the package itself, None the one with torch.

    They name the distribution without torch where that is installed and has the extra: the other would
    bring torch.
    """
    name = _PACKAGE
    with suppress(PackageNotFoundError):
        if extra is not None and extra in ("", *(metadata(_TORCHFREE).get_all("Provides-Extra") or ())):
            name = _TORCHFREE
    return f"{name}[{extra}]" if extra else name


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
        if module not in _EXTRAS:
            raise
        raise BackendError(
            f"{purpose} needs {module}, which cannot be imported here ({error}); run "
            f"`pip install '{requirement(_EXTRAS[module])}'`"
        ) from error
