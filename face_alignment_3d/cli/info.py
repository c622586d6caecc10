"""``face-alignment-3d info``: versions, devices, weights, and the time of one face."""

import argparse
import platform
import statistics
import time
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.optional import is_installed
from face_alignment_3d.version import __version__

if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_WARM_UPS = 3
_RUNS = 20


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``info``."""
    parser = subparsers.add_parser("info", help="print versions, devices, weights and the time of one face")
    parser.add_argument(
        "--device", default="auto", help="the device to measure on: auto (the default), cpu, cuda, mps"
    )
    parser.add_argument(
        "--weights", default="lite", metavar="NAME|FILE", help="the weights to measure (lite)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints a line for each fact; 1 when no face could be aligned."""
    for name, value in _facts():
        print(f"{name}: {value}")
    try:
        print(f"one face: {_speed(args.weights, args.device)}")
    except FaceAlignmentError as error:
        print(f"one face: not measured: {error}")
        return 1
    return 0


def _facts() -> Iterator[tuple[str, str]]:
    import cv2
    import numpy as np

    yield "face-alignment-3d", __version__
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    yield "torch", _version("torch")
    yield "onnxruntime", _version("onnxruntime")
    yield "numpy", np.__version__
    yield "opencv", cv2.__version__
    if is_installed("torch"):
        yield from _torch_facts()
    yield from _weights()


def _version(package: str) -> str:
    return import_module(package).__version__ if is_installed(package) else "not installed"


def _torch_facts() -> Iterator[tuple[str, str]]:
    import torch

    yield "cpu threads", str(torch.get_num_threads())
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield f"cuda:{index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"


def _weights() -> Iterator[tuple[str, str]]:
    from face_alignment_3d.weights.manifest import load_manifest
    from face_alignment_3d.weights.store import Fetch, Use, plan

    try:
        for name in load_manifest():
            decision = plan(name)
            if isinstance(decision, Use):
                yield f"weights {name}", str(decision.path)
            elif isinstance(decision, Fetch):
                yield f"weights {name}", f"not here; `face-alignment-3d weights download {name}` fetches them"
            else:
                yield f"weights {name}", decision.reason
    except FaceAlignmentError as error:
        yield "weights", str(error)


def _speed(weights: str, device: str) -> str:
    """Measures the time of one face through the public API, with its box given: without the detector."""
    import numpy as np

    from face_alignment_3d import FaceAligner3D

    aligner = FaceAligner3D(weights, device=device, offline=True)
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    boxes = np.array([[220, 120, 420, 360]], np.float32)
    seconds = []
    for _ in range(_WARM_UPS + _RUNS):
        start = time.perf_counter()
        aligner.get_landmarks(image, boxes=boxes)
        seconds.append(time.perf_counter() - start)
    milliseconds = 1000 * statistics.median(seconds[_WARM_UPS:])
    return f"{milliseconds:.1f} ms on {aligner.device} (box given, median of {_RUNS} runs)"
