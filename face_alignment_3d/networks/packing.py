"""Convolutions in oneDNN's own terms: for inference in 32 bits on CPUs.

torch hands oneDNN the weights of a convolution in torch's layout at every call, which then rearranges them,
and takes a general product for small maps. Here weights are rearranged once, and a ReLU is part of the
convolution before it; ``torch.compile`` makes the same calls.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Final, cast

import torch
from torch import nn

_OPERATIONS: Final = ("_convolution_pointwise", "_reorder_convolution_weight")


def can_pack() -> bool:
    """True if :func:`pack_convolutions` has what it needs.

    That is a build of torch with oneDNN and its operations, and the source of this file, which TorchScript
    reads: a frozen application may have none.
    """
    built_in: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built_in and all(hasattr(torch.ops.mkldnn, name) for name in _OPERATIONS) and _has_source()


def _has_source() -> bool:
    try:
        return bool(inspect.getsource(_convolve))
    except OSError:
        return False


def pack_convolutions(network: nn.Module, example: torch.Tensor) -> None:
    """Replaces the convolutions of ``network``, and ReLUs right after them in a sequence, in place.

    ``example`` is an input of the network like those to come, of one item: weights are laid out for the sizes
    that each convolution sees with it. Other sizes, and any batch, give right results as well.

    The network computes the same function, up to rounding, but can no longer be saved, moved, converted or
    trained, and takes 32-bit tensors on the CPU only. So this step comes last.

    Raises ValueError for a network in training mode and RuntimeError where :func:`can_pack` says no.
    """
    if network.training:
        raise ValueError("convolutions can only be packed in eval mode; call network.eval() first")
    if not can_pack():
        raise RuntimeError(
            "this build of torch has no oneDNN to pack convolutions for, or this file no source"
        )
    _replace(network, _sizes(network, example))


def _sizes(network: nn.Module, example: torch.Tensor) -> dict[nn.Module, list[int]]:
    """The shape of what each convolution gets with ``example``."""
    sizes: dict[nn.Module, list[int]] = {}

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        sizes[module] = list(inputs[0].shape)

    hooks = [
        module.register_forward_pre_hook(note)
        for module in network.modules()
        if isinstance(module, nn.Conv2d) and _packable(module)
    ]
    try:
        with torch.no_grad():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    return sizes


def _packable(convolution: nn.Conv2d) -> bool:
    return convolution.padding_mode == "zeros" and not isinstance(convolution.padding, str)


def _replace(network: nn.Module, sizes: dict[nn.Module, list[int]]) -> None:
    before: nn.Module | None = None
    for name, child in list(network.named_children()):
        if isinstance(child, nn.Conv2d) and child in sizes:
            before = PackedConvolution(child, sizes[child])
            setattr(network, name, before)
            continue
        if isinstance(network, nn.Sequential) and isinstance(child, nn.ReLU):
            if isinstance(before, PackedConvolution):
                before.activation = "relu"
                setattr(network, name, nn.Identity())
        else:
            _replace(child, sizes)
        before = child


class PackedConvolution(nn.Module):
    """A convolution prepared for inputs of ``size``, (1, C, height, width), for which it is fastest."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, convolution: nn.Conv2d, size: list[int]) -> None:
        super().__init__()
        self._how = (
            list(cast("tuple[int, int]", convolution.padding)),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        self.activation = "none"
        bias = convolution.bias
        self.register_buffer("bias", None if bias is None else bias.detach())
        weight = torch.ops.mkldnn._reorder_convolution_weight(convolution.weight.detach(), *self._how, size)
        self.register_buffer("weight", weight)
        _operation()  # Made here rather than in the first forward, so that what it warns of comes here.

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> the output of the convolution, and of the ReLU behind it."""
        return _operation()(x, self.weight, self.bias, *self._how, self.activation)


@functools.cache
def _operation() -> Callable[..., torch.Tensor]:
    """The call as TorchScript: a recording fails on the call from Python, for its empty list of numbers."""
    return cast("Callable[..., torch.Tensor]", torch.jit.script(_convolve))


def _convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    padding: list[int],
    stride: list[int],
    dilation: list[int],
    groups: int,
    activation: str,
) -> torch.Tensor:
    parameters: list[int | float | complex | None] = []
    out: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, padding, stride, dilation, groups, activation, parameters, None
    )
    return out
