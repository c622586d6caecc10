"""The settings, generators and handlers that a program shares with the libraries that it uses."""

import locale
import os
import random
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image


def process_state() -> dict[str, Any]:
    """Name -> value, comparable with ==."""
    return {
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "OpenCV's threads": cv2.getNumThreads(),
        "OpenCV's optimization": (cv2.useOptimized(), cv2.ocl.useOpenCL()),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "default type and device": (torch.get_default_dtype(), torch.empty(0).device),
        "determinism": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
        ),
        "torch's backends": (torch.backends.mkldnn.enabled, torch.get_float32_matmul_precision()),
        "denormals": float(torch.tensor([1e-42]) + torch.tensor([1e-42])),
        "Python's random state": hash(random.getstate()),
        "NumPy's random state": str(np.random.get_state()),  # noqa: NPY002
        "torch's random state": hash(bytes(torch.get_rng_state().tolist())),
        "warnings": [str(entry) for entry in warnings.filters],
        "numpy's errors": (np.geterr(), np.get_printoptions()),
        "locale": locale.setlocale(locale.LC_ALL, None),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "signal handlers": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "hooks": (sys.excepthook, threading.excepthook, sys.gettrace(), sys.getrecursionlimit()),
        "Pillow's limit": Image.MAX_IMAGE_PIXELS,
        "usable CPUs": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """A line for each value that is another one now."""
    return [
        f"{name}: {str(before[name])[:300]} -> {str(after[name])[:300]}"
        for name in before
        if before[name] != after[name]
    ]
