"""The scout to a weight file and back: safetensors with fp16 tensors, self-describing, strict."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import safetensors
import safetensors.torch
import torch

from face_alignment_3d.detection.scout.layout import CHANNELS, STRIDES, UNIT_STRIDES
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.markup import MARKUP_NAME
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.safetensors_file import (
    SCOUT_FORMAT,
    listing,
    merged_metadata,
    read_metadata,
    unreadable,
    write_weight_file,
)

FORMAT_VERSION: Final = "2"
#: Batch norm's counters of training steps: not needed for inference.
_COUNTER: Final = "num_batches_tracked"


def save_scout(network: ScoutNetwork, path: Path, *, metadata: Mapping[str, str]) -> None:
    """Writes ``network`` to ``path``, whole or not at all; the same bytes each time.

    ``metadata`` is stored beside the fields that :func:`load_scout` checks, whose names it may not use.
    Raises :class:`WeightsError` for that, for values that fp16 cannot hold, and when the file cannot be
    written.
    """
    merged = merged_metadata(_description(), metadata)
    tensors = {
        name: tensor.detach().cpu().to(torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"tensor {name} has values that fp16 cannot hold; the training has diverged")
    write_weight_file(path, safetensors.torch.save(tensors, merged))


def load_scout(path: Path) -> ScoutNetwork:
    """Builds the network and fills it: float32, eval mode, without gradients, on the CPU.

    Raises :class:`WeightsError` when the file is missing, is not safetensors, is not of a scout or of a
    format that this version reads, or lacks, exceeds or reshapes any tensor.
    """
    metadata = read_metadata(path)
    for key, value in _description().items():
        if key != "library_version" and metadata.get(key) != value:
            raise WeightsError(
                f"{path} does not hold a scout of this version: expected {key} {value!r}; the file has "
                f"{metadata.get(key)!r}. Use weights made for this version"
            )
    try:
        tensors = safetensors.torch.load_file(path, device="cpu")
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise unreadable(path, error) from error
    with torch.random.fork_rng(devices=[]):
        network = ScoutNetwork().float()
    expected = network.state_dict()
    stored = {name for name in expected if not name.endswith(_COUNTER)}
    problems = []
    if missing := sorted(stored - tensors.keys()):
        problems.append(f"lacks {listing(missing)}")
    if unexpected := sorted(tensors.keys() - stored):
        problems.append(f"has the unknown {listing(unexpected)}")
    for name in sorted(stored & tensors.keys()):
        if tensors[name].shape != expected[name].shape or not tensors[name].is_floating_point():
            problems.append(f"has {name} {tuple(tensors[name].shape)} for {tuple(expected[name].shape)}")
        elif not bool(torch.isfinite(tensors[name]).all()):
            problems.append(f"has values in {name} that are not finite")
    if problems:
        raise WeightsError(f"{path} cannot be used: it {'; it '.join(problems)}")
    network.load_state_dict({**expected, **tensors}, strict=True)
    return network.eval().requires_grad_(False)


def _description() -> dict[str, str]:
    return {
        "format": SCOUT_FORMAT,
        "format_version": FORMAT_VERSION,
        "markup": MARKUP_NAME,
        "strides": ",".join(map(str, STRIDES)),
        "channels": str(CHANNELS),
        "unit_strides": str(UNIT_STRIDES),
        "library_version": __version__,
    }
