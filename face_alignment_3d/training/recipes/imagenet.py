"""ImageNet weights for the residual networks inside the preset ``paper``, from a file that the user gives.

Part detection takes a ResNet-152 with torchvision's names (``resnet152``), but for its fully connected layer.
Z regression takes a pre-activation ResNet-200 with timm's names for such networks (``ResNetV2``, batch norm):

=============================================  ==============================================
in the file                                    in :class:`PaperDepth`
=============================================  ==============================================
``stem.conv``                                  ``stem.0``, the filters of red, green and blue
``stages.0.blocks.0.norm1``                    ``stem.1``
``stages.<i>.blocks.<j>.norm1``                ``stages.<i>.<j>.preactivation.0``
``stages.<i>.blocks.<j>.conv1``, ``conv2``,    ``stages.<i>.<j>.residual.0``, ``.3``, ``.6``
``conv3``
``stages.<i>.blocks.<j>.norm2``, ``norm3``     ``stages.<i>.<j>.residual.1``, ``.4``
``stages.<i>.blocks.<j>.downsample.conv``      ``stages.<i>.<j>.projection``
``norm``                                       ``leave.0``
=============================================  ==============================================

The first batch norm comes after the max pool there and before it here, which is the same where its factors
are positive. The original network has 36 blocks in its third stage and the paper's table 38: the last two
keep their random start.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import safetensors
import safetensors.torch
import torch
from torch import nn

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.networks.paper.depth import PaperDepth
from face_alignment_3d.networks.paper.detection import PaperDetection

Tensors = dict[str, torch.Tensor]

#: Blocks of the table's third stage that the original ResNet-200 lacks.
_EXTRA_BLOCKS: Final = ("stages.2.36.", "stages.2.37.")
#: The keys under which a checkpoint may hold its tensors.
_WRAPPERS: Final = ("state_dict", "model")
_COUNTER: Final = "num_batches_tracked"


def load_resnet152(detection: PaperDetection, path: Path) -> None:
    """Fills the trunk of ``detection`` from an ImageNet ResNet-152 with torchvision's names.

    Raises :class:`WeightsError` when the file cannot be read, or names the first tensor that does not fit.
    """
    tensors = read_tensors(path)
    _fill(detection.trunk, tensors, lambda name: name, path, what="ResNet-152 with torchvision's names")


def load_resnet200(depth: PaperDepth, path: Path) -> None:
    """Fills ``depth``, except its new layers, from an ImageNet ResNet-200 with the names above.

    New are the stem's filters for the heatmaps and the fully connected layer.

    Raises :class:`WeightsError` when the file cannot be read, or names the first tensor that does not fit.
    """
    tensors = read_tensors(path)
    stem = tensors.get("stem.conv.weight")
    own = depth.get_submodule("stem.0").get_parameter("weight")
    if stem is not None and stem.ndim == own.ndim:
        # Beside the filters of the crop lie those of the heatmaps, which keep their start.
        tensors["stem.conv.weight"] = torch.cat([stem.to(own), own.detach()[:, stem.shape[1] :]], dim=1)
    _fill(depth, tensors, _name_in_timm, path, what="pre-activation ResNet-200 with timm's names")


def read_tensors(path: Path) -> Tensors:
    """The tensors of a ``.safetensors`` or ``.pth`` file; of the latter nothing but tensors is unpickled.

    Raises :class:`WeightsError` when there is no such file or it holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"there is no weight file {path}; check the path")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and pickle raise whatever the bytes make them.
        raise WeightsError(
            f"expected tensors in {path}, as .safetensors or as a .pth that torch.save wrote; got "
            f"{type(error).__name__}: {str(error).partition('. ')[0].strip() or 'no reason'}"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"expected a mapping from names to tensors in {path}, got {type(content).__name__}"
        )
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _fill(
    network: nn.Module, tensors: Tensors, name_in_file: Callable[[str], str | None], path: Path, *, what: str
) -> None:
    state = network.state_dict()
    chosen: Tensors = {}
    for name, own in state.items():
        wanted = name_in_file(name)
        if wanted is None or (wanted not in tensors and name.startswith(_EXTRA_BLOCKS)):
            continue
        found = tensors.get(wanted)
        if found is None and name.endswith(_COUNTER):
            continue
        if found is None or found.shape != own.shape:
            got = "none" if found is None else f"shape {tuple(found.shape)}"
            raise WeightsError(
                f"{path}: expected a tensor {wanted} of shape {tuple(own.shape)}, got {got}; give the "
                f"weights of a {what}"
            )
        if not bool(torch.isfinite(found).all()):
            raise WeightsError(
                f"{path}: tensor {wanted} has values that are not finite; the file is of no use"
            )
        chosen[name] = found.to(own.dtype)
    network.load_state_dict({**state, **chosen})


_RESIDUAL_IN_TIMM: Final = {
    "preactivation.0": "norm1",
    "residual.0": "conv1",
    "residual.1": "norm2",
    "residual.3": "conv2",
    "residual.4": "norm3",
    "residual.6": "conv3",
    "projection": "downsample.conv",
}
_AROUND_IN_TIMM: Final = {"stem.0": "stem.conv", "stem.1": "stages.0.blocks.0.norm1", "leave.0": "norm"}


def _name_in_timm(name: str) -> str | None:
    """The name in timm of a tensor of :class:`PaperDepth`; None for tensors that timm's network lacks."""
    layer, _, tensor = name.rpartition(".")
    block = re.fullmatch(r"stages\.(\d+)\.(\d+)\.(.+)", layer)
    if block is not None:
        stage, index, inner = block.groups()
        return f"stages.{stage}.blocks.{index}.{_RESIDUAL_IN_TIMM[inner]}.{tensor}"
    around = _AROUND_IN_TIMM.get(layer)
    return None if around is None else f"{around}.{tensor}"
