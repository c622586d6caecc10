"""Learning rates over a run, and the parameters that decay."""

import math
from typing import Protocol

from torch import nn


class Schedule(Protocol):
    """The settings of a run that decide its learning rates."""

    @property
    def steps(self) -> int:
        """Batches in all."""
        ...

    @property
    def warmup_steps(self) -> int:
        """Batches until the highest rate."""
        ...


def learning_rate_factor(step: int, schedule: Schedule) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if step < schedule.warmup_steps:
        return (step + 1) / schedule.warmup_steps
    progress = (step - schedule.warmup_steps) / max(1, schedule.steps - schedule.warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weights of convolutions and linear layers decay; biases and batch norms do not."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
