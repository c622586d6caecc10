"""The choice of a torch device."""

import torch

from face_alignment_3d.errors import DeviceError


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The device to run on: "auto" takes CUDA, else Apple's MPS, else the CPU.

    Raises :class:`DeviceError` for a device that torch does not know or that this machine lacks.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise DeviceError(
            f"device must be 'auto', 'cpu', 'cuda', 'cuda:1', ... or 'mps'; got {device!r}"
        ) from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {str(chosen)!r} was asked for, but torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA devices here; use device='auto' or 'cpu', or install a driver "
            "and a torch built for it"
        )
    if chosen.type == "mps" and not _has_mps():
        raise DeviceError("device 'mps' needs a Mac with Apple's GPU; use device='auto' or 'cpu'")
    return chosen


def _has_mps() -> bool:
    return torch.backends.mps.is_available()
