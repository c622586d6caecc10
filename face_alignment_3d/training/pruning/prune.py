"""Pruning a trained cascade to a narrower one, which is then trained further."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import nn

from face_alignment_3d.networks.cascade import Cascade

#: Of the mean square of the inputs: keeps the fit from following inputs that hardly vary.
_RIDGE = 1e-4


@torch.no_grad()
def prune(wide: Cascade, narrow: Cascade, batches: Iterable[torch.Tensor]) -> None:
    """Makes ``narrow``, in place, compute nearly the same as ``wide`` without training.

    It takes the tensors of ``wide`` that it has too, by name and shape: blocks that it lacks are left out.
    Deconvolutions of another kernel are fitted by least squares, each to the output of that of ``wide`` with
    its batch norm, in the order of the network, so that later ones compensate for errors of earlier ones.

    ``batches`` are crops (B, 3, S, S), RGB in [0, 255], a few hundred in all.

    Raises ValueError for a deconvolution that cannot be fitted: one of another kernel than 2.
    """
    given, own = wide.state_dict(), narrow.state_dict()
    narrow.load_state_dict(
        {
            name: given[name] if name in given and given[name].shape == tensor.shape else tensor
            for name, tensor in own.items()
        }
    )
    modes = wide.training, narrow.training
    wide.eval()
    narrow.eval()
    batches = list(batches)
    modules = dict(wide.named_modules())
    for name, module in narrow.named_modules():
        upsampling, target = _upsampling(module), _upsampling(modules.get(name))
        if upsampling is None or target is None:
            continue
        if upsampling.deconvolution.kernel_size != target.deconvolution.kernel_size:
            inputs = [_caught(narrow, upsampling.deconvolution, crops)[0] for crops in batches]
            wanted = [_caught(wide, target.norm, crops)[1] for crops in batches]
            _fit(upsampling, torch.cat(inputs), torch.cat(wanted))
    wide.train(modes[0])
    narrow.train(modes[1])


class _Upsampling(NamedTuple):
    deconvolution: nn.ConvTranspose2d
    norm: nn.BatchNorm2d


def _upsampling(module: nn.Module | None) -> _Upsampling | None:
    """The first two layers of a sequence, where they are a deconvolution and its batch norm."""
    if not isinstance(module, nn.Sequential) or len(module) < 2:
        return None
    deconvolution, norm = module[0], module[1]
    if not isinstance(deconvolution, nn.ConvTranspose2d) or not isinstance(norm, nn.BatchNorm2d):
        return None
    return _Upsampling(deconvolution, norm)


def _fit(upsampling: _Upsampling, inputs: torch.Tensor, wanted: torch.Tensor) -> None:
    """Makes the norm's output nearest to ``wanted`` (B, out, 2h, 2w) for inputs (B, in, h, w).

    A kernel of 2 at a stride of 2 is four matrices, one for each of the cells that one becomes, and the four
    share the norm's offset.
    """
    deconvolution, norm = upsampling
    if deconvolution.kernel_size != (2, 2) or deconvolution.bias is not None:
        raise ValueError(f"expected a deconvolution of kernel 2 without bias, got {deconvolution}")
    outputs = deconvolution.out_channels
    rows, targets = (
        maps.permute(0, 2, 3, 1).flatten(0, 2).double()
        for maps in (inputs, nn.functional.pixel_unshuffle(wanted, 2))
    )
    squares = rows.T @ rows
    squares.diagonal().add_(_RIDGE * squares.diagonal().mean())
    matrices = torch.linalg.solve(squares, rows.T @ targets)
    # The best offset, given that the matrices are the best ones for it.
    of_offset = torch.linalg.solve(squares, rows.sum(dim=0))
    mean = rows.mean(dim=0)
    missing = (targets.mean(dim=0) - mean @ matrices).view(outputs, 4).mean(dim=1)
    offset = missing / (1 - mean @ of_offset)
    matrices -= of_offset[:, None] * offset.repeat_interleave(4)
    deconvolution.weight.copy_(matrices.view_as(deconvolution.weight))
    # The norm does nothing but add the offset, and knows the statistics that it will meet in training.
    variance, center = torch.var_mean(deconvolution(inputs), dim=(0, 2, 3), correction=0)
    norm.load_state_dict(
        {
            **norm.state_dict(),
            "running_mean": center,
            "running_var": variance,
            "weight": (variance + norm.eps).sqrt(),
            "bias": center + offset,
        }
    )


def _caught(cascade: Cascade, module: nn.Module, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The input and the output of ``module`` while ``cascade`` runs on ``crops``."""
    caught: list[tuple[torch.Tensor, torch.Tensor]] = []

    def catch(_: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        # Copies: the activation after it works in place.
        caught.append((given[0].clone(), output.clone()))

    handle = module.register_forward_hook(catch)
    try:
        cascade(crops)
    finally:
        handle.remove()
    return caught[0]
