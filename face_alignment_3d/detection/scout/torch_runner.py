"""The scout's network in torch."""

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.networks.folding import fold_batch_norms
from face_alignment_3d.torch_settings import own_inference, own_loading


class TorchRunner:
    """On one device, batch norms folded (:class:`.runner.Runner`)."""

    def __init__(self, network: ScoutNetwork, device: torch.device) -> None:
        """Takes over ``network``, which is in eval mode."""
        with own_loading():
            fold_batch_norms(network)
        self._device = device
        self._network = network.to(device).to(memory_format=torch.channels_last)

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """As of the protocol."""
        with own_inference(self._device.type):
            output = self._network(torch.from_numpy(pictures).to(self._device))
        return np.asarray(output.cpu().numpy())
