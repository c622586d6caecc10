"""The tensors of torch modules: to a weight file's arrays and back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.safetensors_file import check_tensors

_Module = TypeVar("_Module", bound=nn.Module)

#: Batch norm's counters of training steps: not needed for inference, and the only integers among the tensors.
_COUNTER: Final = "num_batches_tracked"


def stored_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each tensor that a weight file of ``module`` has."""
    return {name: tuple(tensor.shape) for name, tensor in _stored(module).items()}


def half_tensors(module: nn.Module) -> dict[str, npt.NDArray[np.float16]]:
    """Name -> fp16 array of each tensor that is stored.

    Raises :class:`WeightsError` for values that are not finite or beyond the range of fp16.
    """
    halves = {}
    for name, tensor in _stored(module).items():
        half = tensor.detach().cpu().to(torch.float16)
        if not bool(torch.isfinite(half).all()):
            raise WeightsError(
                f"tensor {name} reaches {tensor.abs().max().item():g}, which fp16 cannot hold (at most "
                "65504, finite); the training has diverged"
            )
        halves[name] = np.ascontiguousarray(half.numpy())
    return halves


def filled(module: _Module, tensors: Mapping[str, npt.NDArray[np.float32]], label: str) -> _Module:
    """``module`` with these tensors and no others: in eval mode, without gradients.

    Raises :class:`WeightsError`, whose message begins with ``label``, unless they are its stored tensors.
    """
    check_tensors(tensors, stored_shapes(module), label)
    values = {name: torch.from_numpy(array) for name, array in tensors.items()}
    module.load_state_dict({**module.state_dict(), **values}, strict=True)
    return module.eval().requires_grad_(False)


def unfilled(build: Callable[[], _Module]) -> _Module:
    """A module in float32 for :func:`filled`; its weights are arbitrary.

    No random number is drawn for them: the generator belongs to the whole program, other threads included.
    """
    with _WithoutInitialization():
        return build().float()


class _WithoutInitialization(TorchFunctionMode):
    """Leaves out, in this thread, what fills tensors with random numbers or by ``torch.nn.init``."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if getattr(func, "__module__", "") == "torch.nn.init" or name in {"normal_", "uniform_"}:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def _stored(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(_COUNTER)}
