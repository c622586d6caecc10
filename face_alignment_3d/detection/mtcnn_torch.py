"""MTCNN's networks in torch, with the weights that facenet-pytorch's wheel carries."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from face_alignment_3d.detection.mtcnn_device import run_on_device
from face_alignment_3d.detection.mtcnn_stages import StageInput, StageOutput, run_on_cpu
from face_alignment_3d.optional import optional_import
from face_alignment_3d.torch_settings import own_inference, own_loading
from face_alignment_3d.weights.module_tensors import unfilled


class ProposalStage(nn.Module):
    """The first network on a whole image, from its bytes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(H, W, 3) uint8 -> offsets (4, h, w) and scores (h, w)."""
        offsets, probabilities = self.network(_normalize(level[None]))
        return offsets[0], probabilities[0, 1]


class CandidateStage(nn.Module):
    """The second or third network on the candidates."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(K, S, S, 3) pixels in [0, 255] -> offsets (K, 4) and scores (K,)."""
        # The third network also puts out five landmarks, between the two.
        offsets, *_, probabilities = self.network(_normalize(crops))
        return offsets, probabilities[:, 1]


class TorchNetworks:
    """The three stages on one device (:class:`.mtcnn_stages.Networks`)."""

    def __init__(self, device: torch.device, *, device_crops: bool | None = None) -> None:
        """``device_crops``: candidates are cut out on the device; None does so on CUDA."""
        proposal, refinement, output = load_stages()
        self._device = device
        self._device_crops = device.type == "cuda" if device_crops is None else device_crops
        self._proposal = proposal.to(device)
        self._refinement = refinement.to(device)
        self._output = output.to(device)

    def load(self, stages: Iterable[str]) -> None:
        """Nothing to do: all are loaded."""

    def propose(
        self, level: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As of the protocol."""
        return self._run(self._proposal, level)

    def refine(
        self, crops: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As of the protocol."""
        return self._run(self._refinement, crops)

    def output(
        self, crops: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As of the protocol."""
        return self._run(self._output, crops)

    def run_stage(self, inputs: Sequence[StageInput]) -> list[StageOutput]:
        """As of the protocol."""
        if not self._device_crops:
            return [run_on_cpu(self, each) for each in inputs]
        with own_inference(self._device.type):
            return run_on_device(self._refinement, self._output, inputs, self._device)

    def _run(
        self, stage: nn.Module, pixels: npt.NDArray[np.generic]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        with own_inference(self._device.type):
            offsets, scores = stage(torch.from_numpy(pixels).to(self._device))
        return offsets.cpu().numpy(), scores.cpu().numpy()


def load_stages() -> tuple[ProposalStage, CandidateStage, CandidateStage]:
    """Proposal, refinement and output, in eval mode on the CPU; nothing is downloaded."""
    with own_loading(), warnings.catch_warnings(), optional_import("MTCNN"):
        import facenet_pytorch  # Which silences a warning for the whole process.

    folder = Path(facenet_pytorch.__file__).parent / "data"

    def load(build: Callable[..., nn.Module], file: str) -> nn.Module:
        weights = torch.load(folder / file, map_location="cpu", weights_only=True)
        network = unfilled(partial(build, pretrained=False))
        network.load_state_dict(weights, strict=True)
        return network.requires_grad_(False).eval()

    with own_loading():
        return (
            ProposalStage(load(facenet_pytorch.PNet, "pnet.pt")),
            CandidateStage(load(facenet_pytorch.RNet, "rnet.pt")),
            CandidateStage(load(facenet_pytorch.ONet, "onet.pt")),
        )


def _normalize(pixels: torch.Tensor) -> torch.Tensor:
    """(B, H, W, 3) in [0, 255] -> (B, 3, H, W) in about [-1, 1].

    The permutation leaves channels last in memory: up to three times as fast in these networks on CPUs.
    """
    return (pixels.permute(0, 3, 1, 2).float() - 127.5) / 128
