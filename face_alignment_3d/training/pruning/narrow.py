"""A trained cascade of the compact networks cut to one with fewer channels, which then learns on."""

import torch
from torch import nn

from face_alignment_3d.networks.blocks import BasicBlock
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.networks.compact.detection import CompactDetection
from face_alignment_3d.networks.compact.regression import CompactRegression, Hourglass

#: Indices into the channels of the wide network's tensor, in the order of the narrow one's.
_Channels = torch.Tensor


@torch.no_grad()
def narrow(wide: Cascade, slim: Cascade) -> None:
    """Gives ``slim``, in place, detection and regression of ``wide`` with the channels that it has room for.

    From the input on, each convolution keeps the outputs whose batch norms have the largest factors (Liu et
    al. 2017, "Learning Efficient Convolutional Networks through Network Slimming"), and of its inputs those
    that the layers before it have kept. Blocks and levels of the hourglass that only one of the two has, the
    Z network and the visibility stay as they are.

    Raises ValueError for cascades of other networks, and where ``slim`` is the wider one.
    """
    parts = wide.detection, wide.regression, slim.detection, slim.regression
    match parts:
        case (CompactDetection(), CompactRegression(), CompactDetection(), CompactRegression()):
            features = _detection(parts[0], parts[2])
            _regression(parts[1], parts[3], features, wide.geometry.landmarks)
        case _:
            raise ValueError(
                f"expected two cascades of compact networks, got {[type(p).__name__ for p in parts]}"
            )


def _detection(wide: CompactDetection, slim: CompactDetection) -> _Channels:
    """Returns the channels kept of the features that the regression sees."""
    channels = torch.arange(3)
    for index in range(2):
        channels = _conv_norm(wide.stem[index], slim.stem[index], channels)
    channels = shallow = _stage(wide.stem[2], slim.stem[2], channels)
    for index in range(3):
        channels = _stage(wide.encoder[index], slim.encoder[index], channels)
    for index in range(2):
        channels = _conv_norm(wide.decoder[index], slim.decoder[index], channels)
    _score(wide.score, slim.score, channels)
    return torch.cat([shallow, _outputs(wide.stem[1]) + channels])


def _regression(
    wide: CompactRegression, slim: CompactRegression, features: _Channels, landmarks: int
) -> None:
    channels = torch.cat([torch.arange(landmarks), landmarks + features])
    channels = _conv_norm(wide.enter, slim.enter, channels)
    channels = _hourglass(wide.hourglass, slim.hourglass, channels)
    channels = _conv_norm(wide.leave, slim.leave, channels)
    _score(wide.score, slim.score, channels)


def _hourglass(wide: Hourglass, slim: Hourglass, channels: _Channels) -> _Channels:
    below = _block(wide.down, slim.down, channels)
    if isinstance(wide.inner, Hourglass) and isinstance(slim.inner, Hourglass):
        below = _hourglass(wide.inner, slim.inner, below)
    elif isinstance(wide.inner, nn.Sequential) and isinstance(slim.inner, nn.Sequential):
        below = _stage(wide.inner, slim.inner, below)
    up = _conv_norm(wide.up, slim.up, below)
    return _conv_norm(wide.fuse, slim.fuse, torch.cat([channels, _outputs(wide.up) + up]))


def _stage(wide: nn.Module, slim: nn.Module, channels: _Channels) -> _Channels:
    for wide_block, slim_block in zip(wide.children(), slim.children(), strict=False):
        channels = _block(wide_block, slim_block, channels)
    return channels


def _block(wide: nn.Module, slim: nn.Module, channels: _Channels) -> _Channels:
    if not isinstance(wide, BasicBlock) or not isinstance(slim, BasicBlock):
        raise ValueError(f"expected basic blocks, got {type(wide).__name__} and {type(slim).__name__}")
    inner = _conv_norm(wide.residual[:2], slim.residual[:2], channels)
    if isinstance(slim.shortcut, nn.Identity):
        outputs = channels
    else:
        outputs = _conv_norm(wide.shortcut, slim.shortcut, channels)
    return _conv_norm(wide.residual[3:], slim.residual[3:], inner, outputs)


def _conv_norm(
    wide: nn.Module, slim: nn.Module, inputs: _Channels, outputs: _Channels | None = None
) -> _Channels:
    """Copies a convolution or deconvolution and its batch norm, the first two layers; returns the outputs."""
    given, norm, own, own_norm = (layer for layers in (wide, slim) for layer in list(layers.children())[:2])
    transposed = isinstance(own, nn.ConvTranspose2d)
    weight, own_weight = _weights(given), _weights(own)
    if own_weight.shape[2:] != weight.shape[2:]:
        raise ValueError(f"expected kernels of {tuple(own_weight.shape[2:])}, got {tuple(weight.shape[2:])}")
    if outputs is None:
        count = own_weight.shape[1 if transposed else 0]
        if count > _weights(norm).numel():
            raise ValueError(f"expected at most {_weights(norm).numel()} channels to keep, got {count}")
        outputs = _weights(norm).abs().argsort(descending=True)[:count].sort().values
    rows, columns = (inputs, outputs) if transposed else (outputs, inputs)
    own_weight.copy_(weight[rows][:, columns])
    own_norm.load_state_dict(
        {name: value[outputs] if value.ndim else value for name, value in norm.state_dict().items()}
    )
    return outputs


def _score(wide: nn.Conv2d, slim: nn.Conv2d, inputs: _Channels) -> None:
    slim.load_state_dict({**wide.state_dict(), "weight": wide.weight[:, inputs]})


def _outputs(layers: nn.Module) -> int:
    """Number of channels that a convolution and its batch norm put out."""
    return _weights(list(layers.children())[1]).numel()


def _weights(layer: nn.Module) -> torch.Tensor:
    weight = layer.weight
    if not isinstance(weight, torch.Tensor):
        raise ValueError(f"expected a layer with weights, got {type(layer).__name__}")
    return weight
