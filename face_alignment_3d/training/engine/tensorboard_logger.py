"""Curves of a run for TensorBoard, where that package is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from face_alignment_3d.optional import is_installed


def tensorboard_is_installed() -> bool:
    """True if :class:`TensorBoardLogger` can write anything."""
    return is_installed("tensorboard")


class TensorBoardLogger:
    """Writes numbers by step into a folder that TensorBoard reads; does nothing without that package."""

    def __init__(self, folder: Path | None, *, first_step: int) -> None:
        """``folder`` None logs nothing; earlier entries there from ``first_step`` on are hidden."""
        self._writer: Any = None
        if folder is not None and tensorboard_is_installed():
            # Imported late: it takes a second, and is an option.
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=first_step)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Notes ``values`` (name -> number) at ``step``; ``group/name`` puts curves of a group together."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Writes what is still in memory."""
        if self._writer is not None:
            self._writer.close()
