"""Fitting the regressor to samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes.mirroring import mirror_permutation
from face_alignment_3d.blendshapes.regressor import Regressor
from face_alignment_3d.training.blendshapes.samples import Faces

Report = Callable[[str], None]


@dataclass(frozen=True)
class BlendshapeConfig:
    """All settings of a run."""

    seed: int = 1
    samples: int = 150_000
    """Faces to learn from."""
    epochs: int = 12
    width: int = 192
    """Of both inner layers."""
    batch_size: int = 1024
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    unseen: int = 10_000
    """Faces to measure with."""


def fit(faces: Faces, config: BlendshapeConfig, *, report: Report) -> Regressor:
    """A regressor of all 52 blendshapes, by least squares: AdamW under a one-cycle learning rate.

    The same faces and seed give the same regressor on the same machine.
    """
    mean = faces.points.mean(axis=0, dtype=np.float64)
    spread = faces.points.std(axis=0, dtype=np.float64) + 1e-6
    inputs = torch.from_numpy(((faces.points - mean) / spread).astype(np.float32)).flatten(1)
    targets = torch.from_numpy(faces.blendshapes)
    generator = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = _network(inputs.shape[1], config.width, targets.shape[1])
    batches = max(1, len(inputs) // config.batch_size)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.epochs * batches
    )
    for epoch in range(config.epochs):
        order = torch.randperm(len(inputs), generator=generator)
        total = 0.0
        for batch in order[: batches * config.batch_size].chunk(batches):
            optimizer.zero_grad()
            loss = (network(inputs[batch]) - targets[batch]).square().mean()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
        report(f"epoch {epoch + 1} of {config.epochs}: mean squared error {total / batches:.5f}")
    layers = tuple(
        (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy())
        for layer in network
        if isinstance(layer, torch.nn.Linear)
    )
    return Regressor(mean, spread, layers, mirror_permutation(BLENDSHAPES))


def _network(inputs: int, width: int, outputs: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, width),
        torch.nn.SiLU(),
        torch.nn.Linear(width, width),
        torch.nn.SiLU(),
        torch.nn.Linear(width, outputs),
    )
