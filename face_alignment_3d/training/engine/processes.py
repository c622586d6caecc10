"""Several processes, on one machine or more, that train one network together.

``torchrun`` starts them and tells each its place in the environment variables ``RANK``, ``LOCAL_RANK`` and
``WORLD_SIZE``. Each computes its part of every batch; gradients are averaged over all. Only process 0
writes.
"""

import contextlib
import datetime
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.distributed

from face_alignment_3d.devices import choose_device
from face_alignment_3d.errors import DeviceError

#: The time that a process waits for another: process 0 labels and validates while the rest do nothing.
_PATIENCE = datetime.timedelta(hours=3)


@dataclass(frozen=True)
class Processes:
    """The place of this process among those of a run."""

    device: torch.device
    """The device that this process computes on."""
    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """True for the process that writes and reports."""
        return self.rank == 0

    def shard(self, size: int) -> slice:
        """This process's part of ``size`` items that are shared out evenly, in order.

        Raises :class:`DeviceError` when they cannot be.
        """
        if size % self.count:
            raise DeviceError(
                f"a batch must be a multiple of the number of processes; got {size} samples for {self.count} "
                "processes; start another number of processes, or change the batch size"
            )
        each = size // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def all_reduce_max(self, values: Sequence[float]) -> list[float]:
        """The largest of each value over all processes, the same on each."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(tensor, torch.distributed.ReduceOp.MAX)
        agreed: list[float] = tensor.tolist()
        return agreed

    def barrier(self) -> None:
        """Waits until every process has called this."""
        self.all_reduce_max([0.0])


@contextlib.contextmanager
def joined_processes(
    device: str = "auto", environment: Mapping[str, str] = os.environ
) -> Iterator[Processes]:
    """Joins the processes that ``torchrun`` started, or goes alone where it did not.

    ``device`` is as for :func:`choose_device`; "auto" and "cuda" give each process of a machine its own GPU.

    Raises :class:`DeviceError` for a device that is not there and for an incomplete environment.
    """
    count = _read(environment, "WORLD_SIZE", 1)
    if count == 1:
        yield Processes(choose_device(device))
        return
    rank, local = _read(environment, "RANK"), _read(environment, "LOCAL_RANK")
    chosen = choose_device(device)
    if chosen.type == "cuda" and chosen.index is None:
        chosen = choose_device(f"cuda:{local}")
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    # Its functions keep the group of the moment of this import as a default argument, for ever, and some of
    # torch imports it late. A group that is never freed has threads, and those end the process with SIGABRT
    # when the interpreter goes first.
    importlib.import_module("torch.distributed.nn.functional")
    torch.distributed.init_process_group(
        "nccl" if chosen.type == "cuda" else "gloo", rank=rank, world_size=count, timeout=_PATIENCE
    )
    try:
        yield Processes(chosen, rank, count)
    finally:
        torch.distributed.destroy_process_group()


def _read(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    value = environment.get(name)
    if value is None and default is not None:
        return default
    try:
        return int(value or "")
    except ValueError:
        raise DeviceError(
            f"WORLD_SIZE says that several processes train together, so {name} must be a whole number; got "
            f"{value!r}; start them with torchrun"
        ) from None
