"""The interface of training objectives."""

from typing import Protocol

import torch

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.engine.batches import Batch

RandomValues = dict[str, torch.Tensor]


class Objective(Protocol):
    """The losses of a batch.

    Every loss is a mean over samples (or over what is drawn a step), so that the mean of the losses of a
    batch's equal parts is the loss of the batch: several processes rely on it.
    """

    def sample(self, batch_size: int, generator: torch.Generator) -> RandomValues:
        """All random numbers of one step, for the whole batch, on the CPU; the processes divide them."""

    def losses(self, cascade: Cascade, batch: Batch, random_values: RandomValues) -> dict[str, torch.Tensor]:
        """The losses by name, unweighted; ``batch`` and ``random_values`` lie on the cascade's device."""
