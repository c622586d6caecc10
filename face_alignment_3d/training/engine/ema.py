"""The exponential moving average of a network's weights."""

import copy

import torch

from face_alignment_3d.networks.cascade import Cascade


class ModelEMA:
    """Follows a cascade; parameters and batch-norm statistics are averaged, counters copied."""

    def __init__(self, cascade: Cascade, decay: float) -> None:
        self.cascade = copy.deepcopy(cascade).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, cascade: Cascade, step: int) -> None:
        """Updates the average with the weights after ``step`` (0-based).

        The first steps weigh more than the decay says, so that the random start is forgotten.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        followed = dict(cascade.state_dict())
        for name, tensor in self.cascade.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(followed[name], 1 - decay)
            else:
                tensor.copy_(followed[name])
