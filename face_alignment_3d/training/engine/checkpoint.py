"""Checkpoints of a run: weights, their average, the optimizer and the step, in one safetensors file.

There is no random state to keep: every random draw is a function of the seed and the step.
"""

import json
import textwrap
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import DataError

Tensors = dict[str, torch.Tensor]


def save_checkpoint(
    path: Path, *, step: int, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Writes all that the steps after ``step`` depend on, whole or not at all."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(whole, {"step": json.dumps(step)}))


def load_checkpoint(
    path: Path, *, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Restores what :func:`save_checkpoint` wrote and returns the step.

    Raises :class:`DataError` for a file that is broken or of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            step = int(json.loads((file.metadata() or {})["step"]))
        network.load_state_dict(_below(tensors, "network."))
        average.load_state_dict(_below(tensors, "average."))
        _restore(optimizer, _below(tensors, "optimizer."), fresh=step == 0)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        # Of another network's parameters torch would list every one.
        reason = textwrap.shorten(str(error), 300, placeholder=" ...")
        raise DataError(
            f"expected a checkpoint of this run in {path}, got {reason}; give another --out or delete it"
        ) from error
    return step


def _below(tensors: Tensors, prefix: str) -> Tensors:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _restore(optimizer: torch.optim.Optimizer, tensors: Tensors, *, fresh: bool) -> None:
    """Loads ``<index>.<name>`` tensors; with ``fresh`` no step has been made yet, so there may be none."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, Tensors] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".")
        parameter = parameters[int(index)] if int(index) < len(parameters) else None
        if parameter is None or tensor.shape not in (parameter.shape, torch.Size([])):
            raise ValueError(
                f"an optimizer state {key} of shape {tuple(tensor.shape)} that fits no parameter"
            )
        # Laid out in memory as its parameter is, for the file does not keep strides.
        same = tensor.shape == parameter.shape
        laid_out = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor) if same else tensor
        state.setdefault(int(index), {})[name] = laid_out
    if len(state) != len(parameters) and not (fresh and not state):
        raise ValueError(f"optimizer states of {len(state)} of {len(parameters)} parameters")
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
