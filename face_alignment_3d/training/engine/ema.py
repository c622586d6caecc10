"""The exponential moving average of a network's weights."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

_Network = TypeVar("_Network", bound=nn.Module)


class ModelEMA(Generic[_Network]):
    """Follows a network; parameters and batch-norm statistics are averaged, counters copied."""

    def __init__(self, network: _Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: _Network, step: int) -> None:
        """Updates the average with the weights after ``step`` (0-based).

        The first steps weigh more than the decay says, so that the random start is forgotten.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        followed = dict(network.state_dict())
        for name, tensor in self.network.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(followed[name], 1 - decay)
            else:
                tensor.copy_(followed[name])
