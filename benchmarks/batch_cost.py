"""The CPU's cost of preparing a training batch for a GPU: Python calls, time, and bytes that travel.

    python benchmarks/batch_cost.py

The photos are made up, 220 px with faces of 150 px, as training keeps them. No GPU is needed: this counts
what is left to do beside one. Calls are those of Python functions and of functions in C, as
`sys.setprofile` sees them.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import torch

from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.training.data.augment import Geometric
from face_alignment_3d.training.data.augment_torch import PackedViews
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import BatchMaker, Pool

_PHOTO, _FACE = 220, 150


def made_up_samples(count: int) -> list[Sample]:
    """Photos of noise with a face's points in the middle."""
    random = np.random.default_rng(0)
    face = MEAN_FACE - MEAN_FACE.mean(axis=0)
    points = (face * _FACE / np.ptp(face[:, :2], axis=0).max()).astype(np.float32)
    points[:, :2] += _PHOTO / 2
    ones = np.ones(NUM_LANDMARKS, np.float32)
    return [
        Sample(
            f"made up/{index}",
            random.integers(0, 256, (_PHOTO, _PHOTO, 3), dtype=np.uint8),
            points,
            ones,
            ones,
        )
        for index in range(count)
    ]


def count_calls(work: Callable[[], object]) -> Counter[str]:
    """The number of functions that ``work`` calls: "call" for those in Python, "c_call" for those in C."""
    counts: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        counts[event] += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counts


def bytes_of(packed: PackedViews) -> int:
    """The number of bytes that are sent to the GPU."""
    total = 0

    def add(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal total
        total += tensor.nbytes
        return tensor

    packed.moved(add)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--batches", type=int, default=8, help="that the numbers are means of")
    parser.add_argument("--preset", default="lite")
    args = parser.parse_args()
    torch.set_num_threads(1)

    samples = made_up_samples(500)
    pools = [Pool(samples, 1.0, np.full(len(samples), 1 / len(samples)))]
    geometry = PRESETS[args.preset]().geometry
    maker = BatchMaker(pools, geometry, Geometric(), Photometric(), args.batch_size, seed=1)
    maker.packed(0, stored=True)

    counts: Counter[str] = Counter()
    for step in range(args.batches):
        counts += count_calls(partial(maker.packed, step, stored=True))
    sizes = [bytes_of(maker.packed(step, stored=True)[0]) for step in range(args.batches)]
    began = time.thread_time()
    for step in range(args.batches):
        maker.packed(step, stored=True)
    seconds = (time.thread_time() - began) / args.batches
    print(f"batches of {args.batch_size} crops of {geometry.input_size} px, one thread")
    print(f"Python functions called: {counts['call'] / args.batches:.0f} a batch")
    print(f"functions in C called:   {counts['c_call'] / args.batches:.0f} a batch")
    print(f"bytes that travel:       {np.mean(sizes) / 1e6:.2f} MB a batch")
    print(
        f"CPU time:                {1000 * seconds:.1f} ms a batch, {args.batch_size / seconds:.0f} crops/s"
    )


if __name__ == "__main__":
    main()
