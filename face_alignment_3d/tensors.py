"""Telling torch's tensors from other values without importing torch."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from typing_extensions import TypeIs


def is_tensor(value: Any) -> "TypeIs[torch.Tensor]":
    """True if ``value`` is a ``torch.Tensor``. As long as torch is not imported nothing can be one."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
