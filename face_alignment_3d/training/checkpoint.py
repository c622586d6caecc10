"""The state of a run on disk: safetensors, written atomically, read strictly."""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade


def save_checkpoint(
    path: Path, *, step: int, cascade: Cascade, average: Cascade, optimiser: torch.optim.Optimizer
) -> None:
    """Writes all that the steps after ``step`` depend on. A kill leaves the old file or the new one, never half."""
    tensors = {f"cascade.{name}": tensor for name, tensor in cascade.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    temporary = path.with_suffix(".part")
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, temporary, {"step": json.dumps(step)})
    os.replace(temporary, path)


def load_checkpoint(
    path: Path, *, cascade: Cascade, average: Cascade, optimiser: torch.optim.Optimizer
) -> int:
    """Restores what :func:`save_checkpoint` wrote and returns the step."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            step = int(json.loads(file.metadata()["step"]))
        cascade.load_state_dict(_below(tensors, "cascade."))
        average.load_state_dict(_below(tensors, "average."))
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise DataError(
            f"expected a checkpoint of this run in {path}, got {error}; give another --out or delete it"
        ) from error
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in _below(tensors, "optimiser.").items():
        index, name = key.split(".")
        state.setdefault(int(index), {})[name] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return step


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
