"""Initialization of the layers of the paper's networks without trained weights (paper, section 4)."""

import torch
from torch import nn


def he_(network: nn.Module) -> None:
    """Draws the weights of all convolutions of ``network`` as He et al. (2015) do for residual networks."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def zeros_(layer: nn.Conv2d) -> None:
    """Makes a layer output zero for every input, until it is trained."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def gaussian_(layer: nn.Conv2d | nn.Linear, *, std: float, first_input: int = 0) -> None:
    """Draws the weights of the inputs from ``first_input`` on from a Gaussian; zeroes the bias.

    Weights of the inputs before ``first_input`` are left as they are.
    """
    with torch.no_grad():
        layer.weight[:, first_input:].normal_(0.0, std)
        if layer.bias is not None:
            layer.bias.zero_()


def bilinear_(deconvolution: nn.ConvTranspose2d) -> None:
    """Makes a deconvolution start as bilinear upsampling by its stride.

    Pixel centers stay where they belong (``x' = (x + 0.5) * stride - 0.5``), which takes a kernel of twice
    the stride and a padding of half of it. With as many outputs as inputs each map is upsampled by itself.
    With fewer outputs, output ``o`` of a group starts as the mean of that group's inputs ``o``,
    ``o + outputs``, ...: each output from inputs of its own, because outputs that start equal and are used
    equally stay equal.
    """
    (kernel, _), (stride, _), padding = deconvolution.kernel_size, deconvolution.stride, deconvolution.padding
    if kernel != 2 * stride or padding != (stride // 2, stride // 2) or stride % 2:
        raise ValueError(
            f"bilinear upsampling expects an even stride s, a kernel of 2 s and a padding of s / 2; "
            f"got kernel {kernel}, stride {stride}, padding {padding}"
        )
    inputs, outputs = deconvolution.weight.shape[0] // deconvolution.groups, deconvolution.weight.shape[1]
    if inputs % outputs:
        raise ValueError(
            f"bilinear upsampling expects a number of inputs divisible by that of outputs in each group; "
            f"got {inputs} inputs and {outputs} outputs"
        )
    with torch.no_grad():
        offsets = torch.arange(kernel, device=deconvolution.weight.device) - (kernel - 1) / 2
        ramp = 1 - offsets.abs() / stride
        position = torch.arange(deconvolution.weight.shape[0], device=ramp.device) % inputs
        chosen = position[:, None] % outputs == torch.arange(outputs, device=ramp.device)
        share = chosen.to(ramp.dtype) * (outputs / inputs)
        deconvolution.weight.copy_(share[:, :, None, None] * ramp[:, None] * ramp)
        if deconvolution.bias is not None:
            deconvolution.bias.zero_()
