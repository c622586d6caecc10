"""Deconvolutions rewritten as convolutions, for runtimes in which deconvolutions are slow.

A deconvolution of kernel 2s, stride s and padding p puts out, in one dimension,

    out[o] = sum over j of in[j] w[o + p - s j],    0 <= o + p - s j < 2s.

With o + p = s a + q and 0 <= q < s only two inputs reach an output: j = a through w[q], and j = a - 1 through
w[q + s]. So all s outputs of one a are s channels of a convolution of kernel 2 over the input with a border
of 1 zero. Depth-to-space lays these channels side by side, which gives out[o] at place o + p, and cutting p
off either end gives out. Two dimensions are the same twice. The multiplications are those of the
deconvolution but for the border: (h + 1) (w + 1) places in place of h w.
"""

import torch
from torch import nn


class Interleave(nn.Module):
    """Depth-to-space, as ``nn.PixelShuffle``: (B, C s s, h, w) -> (B, C, h s, w s).

    Columns first, as the transposition of s x (h w) matrices, then whole rows: runtimes do these two faster
    than the one transposition of six dimensions.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels, height, width = x.shape[1:]
        wide = width * self.factor
        columns = x.reshape(-1, channels // self.factor, self.factor, height * width).transpose(2, 3)
        rows = columns.reshape(-1, channels // self.factor**2, self.factor, height, wide).transpose(2, 3)
        return rows.reshape(-1, channels // self.factor**2, height * self.factor, wide)


class Trim(nn.Module):
    """Cuts ``margin`` rows and columns off each side: (..., h, w) -> (..., h - 2 margin, w - 2 margin)."""

    def __init__(self, margin: int) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.pad(x, (-self.margin,) * 4)


def replace_deconvolutions(network: nn.Module) -> None:
    """Puts a convolution, depth-to-space and a trim in place of each deconvolution of kernel 2s and stride s.

    In place, for inference; the network computes the same function, up to rounding, and its state dict is
    another one. A ReLU right after a deconvolution goes before the rearrangement, where runtimes can fuse it
    with the convolution. Other deconvolutions stay.
    """
    for name, child in list(network.named_children()):
        if isinstance(child, nn.Sequential):
            child = _replaced_sequence(child)
        elif is_replaceable(child):
            child = nn.Sequential(*as_convolution(child))
        setattr(network, name, child)
        replace_deconvolutions(child)


def is_replaceable(layer: nn.Module) -> bool:
    """Whether :func:`as_convolution` can rewrite a layer."""
    return (
        isinstance(layer, nn.ConvTranspose2d)
        and layer.stride[0] == layer.stride[1]
        and layer.kernel_size == (2 * layer.stride[0], 2 * layer.stride[1])
        and layer.padding[0] == layer.padding[1]
        and layer.dilation == (1, 1)
        and layer.output_padding == (0, 0)
    )


@torch.no_grad()
def as_convolution(deconvolution: nn.Module) -> tuple[nn.Conv2d, Interleave, Trim]:
    """Three layers that do, one after the other, what ``deconvolution`` does.

    Raises ValueError for a layer that is not a square deconvolution whose kernel is twice its stride.
    """
    if not isinstance(deconvolution, nn.ConvTranspose2d) or not is_replaceable(deconvolution):
        raise ValueError(f"expected a deconvolution whose kernel is twice its stride; got {deconvolution}")
    weight, stride, groups = deconvolution.weight, deconvolution.stride[0], deconvolution.groups
    inputs, outputs = deconvolution.in_channels // groups, deconvolution.out_channels // groups
    # Taps w[q + s h] with h = 1 for the input before and 0 for the input at the place, in each dimension.
    taps = weight.view(groups, inputs, outputs, 2, stride, 2, stride).flip(3, 5)
    convolution = nn.Conv2d(
        deconvolution.in_channels,
        deconvolution.out_channels * stride**2,
        2,
        padding=1,
        groups=groups,
        bias=deconvolution.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    convolution.weight.copy_(taps.permute(0, 2, 4, 6, 1, 3, 5).reshape_as(convolution.weight))
    if deconvolution.bias is not None and convolution.bias is not None:
        convolution.bias.copy_(deconvolution.bias.repeat_interleave(stride**2))
    convolution.requires_grad_(weight.requires_grad).train(deconvolution.training)
    return convolution, Interleave(stride), Trim(int(deconvolution.padding[0]))


def _replaced_sequence(sequence: nn.Sequential) -> nn.Sequential:
    layers: list[nn.Module] = []
    rearrangement: tuple[nn.Module, ...] = ()
    for layer in sequence:
        if not isinstance(layer, nn.ReLU):
            layers += rearrangement
            rearrangement = ()
        if is_replaceable(layer):
            convolution, *rest = as_convolution(layer)
            layers.append(convolution)
            rearrangement = tuple(rest)
        else:
            layers.append(layer)
    return nn.Sequential(*layers, *rearrangement).train(sequence.training)
