"""The least time that a network's arithmetic takes on this machine."""

from collections.abc import Mapping

from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.store import resolve_weights


def gmac_of(weights: str) -> float:
    """Multiply-adds of the cascade for one face, in 10^9; ``weights`` is a name or a path."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    cascade = load_cascade(resolve_weights(weights))
    size = cascade.geometry.input_size
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        cascade(torch.zeros(1, 3, size, size))
    return float(counter.get_total_flops()) / 2e9


def gmac_per_second(macs: float, milliseconds: float) -> float:
    """The rate of an operation of ``macs`` multiply-adds that takes so long, in 10^9 a second."""
    return macs / milliseconds / 1e6


def floor_milliseconds(gmac: float, rates: Mapping[str, float]) -> float:
    """``gmac`` at the fastest of ``rates`` (in 10^9 a second). A network is above it: memory, small layers,
    and all that is no product take time too."""
    return 1000 * gmac / max(rates.values())
