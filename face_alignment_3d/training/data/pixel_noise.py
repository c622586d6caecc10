"""Random pixels that are a function of a seed alone, the same on every device."""

import math

import torch

_MASK = 0xFFFFFFFF


def normal_noise(seeds: torch.Tensor, size: int) -> torch.Tensor:
    """(N,) int64 seeds in [0, 2^32) -> (N, 3, size, size) float32, standard normal; equal within rounding."""
    radius, angle = ((bits.float() + 0.5) / 2**32 for bits in _bits(seeds, 6 * size * size).chunk(2, dim=1))
    values = torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * math.pi * angle)
    return values.view(-1, 3, size, size)


def uniform_noise(seeds: torch.Tensor, size: int) -> torch.Tensor:
    """(N,) int64 seeds in [0, 2^32) -> (N, 3, size, size) int64 in [0, 255], exactly equal everywhere."""
    return (_bits(seeds, 3 * size * size) >> 24).view(-1, 3, size, size)


def _bits(seeds: torch.Tensor, count: int) -> torch.Tensor:
    """(N, count) int64 in [0, 2^32): a hash of the seed and the place."""
    places = torch.arange(count, dtype=torch.int64, device=seeds.device) * 0x9E3779B1
    return _mixed((_mixed(seeds)[:, None] + places) & _MASK)


def _mixed(bits: torch.Tensor) -> torch.Tensor:
    """MurmurHash3's last step. Products may overflow 63 bits; the lower 32, which are kept, are right."""
    bits = ((bits ^ (bits >> 16)) * 0x85EBCA6B) & _MASK
    bits = ((bits ^ (bits >> 13)) * 0xC2B2AE35) & _MASK
    return bits ^ (bits >> 16)
