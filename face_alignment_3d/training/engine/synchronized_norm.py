"""Batch norm over the batches of all processes, so that several compute the same as one."""

from typing import Any

import torch
import torch.distributed
from torch import nn


class SynchronizedBatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics, in training, are those of all processes' batches, equally large, together.

    torch's own ``SyncBatchNorm`` does the same on CUDA and refuses the CPU.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> the same shape."""
        if not self.training:
            return super().forward(x)
        processes = torch.distributed.get_world_size()
        values = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = _sum_over_processes(values.mean(dim=(0, 2, 3))) / processes
        centered = values - mean[:, None, None]
        variance = _sum_over_processes(centered.square().mean(dim=(0, 2, 3))) / processes
        self._follow(mean.detach(), variance.detach(), count=processes * x.numel() // x.shape[1])
        normalized = centered * torch.rsqrt(variance + self.eps)[:, None, None]
        return (normalized * self.weight[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _follow(self, mean: torch.Tensor, variance: torch.Tensor, *, count: int) -> None:
        """Moves the running statistics as torch's batch norm does: with the unbiased variance."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), share)


class _SumOverProcesses(torch.autograd.Function):
    """Sums over processes, in both directions: each process's loss depends on the values of all."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].clone()
        torch.distributed.all_reduce(total)
        return total


def _sum_over_processes(values: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _SumOverProcesses.apply(values)
    return total


def synchronize_batch_norms(module: nn.Module, device: torch.device) -> None:
    """Makes the batch norms of ``module`` synchronized; parameters and buffers stay the same tensors."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _synchronized(child, device))
        else:
            synchronize_batch_norms(child, device)


def _synchronized(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(norm)  # type: ignore[no-untyped-call]
        return converted
    own = SynchronizedBatchNorm(norm.num_features, norm.eps, norm.momentum, device="meta")
    own.weight, own.bias = norm.weight, norm.bias
    own.running_mean, own.running_var = norm.running_mean, norm.running_var
    own.num_batches_tracked = norm.num_batches_tracked
    own.train(norm.training)
    return own
