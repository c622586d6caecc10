"""Batch norms folded into the convolutions before them: for inference, where they are constants."""

from typing import Final

import torch
from torch import nn

_Convolution = nn.Conv2d | nn.ConvTranspose2d

#: Attribute pairs of the paper's networks, which have torchvision's names in place of a Sequential.
_NAMED_PAIRS: Final = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))


def fold_batch_norms(network: nn.Module) -> None:
    """Folds each batch norm of ``network`` that follows a convolution or deconvolution into it, in place.

    The network computes the same function, up to rounding. Its state dict is another one, so this is done
    after weights are loaded, never to a network that is trained or saved. Batch norms that no convolution
    goes before (pre-activations) stay.

    Raises ValueError for a network in training mode, whose batch norms are not constants.
    """
    if network.training:
        raise ValueError("batch norms can only be folded in eval mode; call network.eval() first")
    for name, child in list(network.named_children()):
        folded = _folded_sequence(child) if isinstance(child, nn.Sequential) else child
        if folded is not child:
            setattr(network, name, folded)
        fold_batch_norms(folded)
    for convolution_name, norm_name in _NAMED_PAIRS:
        convolution, norm = getattr(network, convolution_name, None), getattr(network, norm_name, None)
        if isinstance(convolution, _Convolution) and isinstance(norm, nn.BatchNorm2d):
            _fold(convolution, norm)
            setattr(network, norm_name, nn.Identity())


def _folded_sequence(sequence: nn.Sequential) -> nn.Sequential:
    """The same layers without the batch norms that could be folded away."""
    layers: list[nn.Module] = []
    for layer in sequence:
        before = layers[-1] if layers else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, _Convolution):
            _fold(before, layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers).eval()


@torch.no_grad()
def _fold(convolution: _Convolution, norm: nn.BatchNorm2d) -> None:
    """Makes ``convolution`` compute what it and ``norm`` after it did; in float64, since it is done once."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics has nothing to fold")
    weight = convolution.weight.double()
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    shift = -norm.running_mean.double() * scale
    if norm.affine:
        scale, shift = scale * norm.weight.double(), shift * norm.weight.double() + norm.bias.double()
    if convolution.bias is not None:
        shift = shift + convolution.bias.double() * scale
    if isinstance(convolution, nn.ConvTranspose2d):
        # (inputs, outputs / groups, k, k): an input channel feeds the outputs of its own group alone.
        per_group = scale.view(convolution.groups, 1, -1)
        grouped = weight.view(convolution.groups, -1, *weight.shape[1:]) * per_group[..., None, None]
        weight = grouped.view_as(weight)
    else:
        weight = weight * scale.view(-1, 1, 1, 1)
    convolution.weight.copy_(weight)
    convolution.bias = nn.Parameter(shift.to(convolution.weight.dtype), requires_grad=False)
