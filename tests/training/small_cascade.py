"""A cascade of the compact networks that is small enough to train in a test."""

from collections.abc import Callable

import torch

from face_alignment_3d.networks.cascade import Cascade, CascadeGeometry
from face_alignment_3d.networks.compact.depth import CompactDepth
from face_alignment_3d.networks.compact.detection import CompactDetection, DetectionWidths
from face_alignment_3d.networks.compact.regression import CompactRegression
from face_alignment_3d.networks.compact.visibility import CompactVisibility

GEOMETRY = CascadeGeometry(
    landmarks=66,
    input_size=64,
    crop_scale=1.35,
    heatmap_stride=4,
    depth_stride=4,
    depth_std=4.0,
    detection_radius=5.0,
    regression_std=4.0,
    decoding="softmax",
)


def small_cascade(*, blocks: tuple[int, int, int, int] = (1, 1, 1, 1), deconvolution: int = 2) -> Cascade:
    widths = DetectionWidths(
        stem=4, features=8, stages=(8, 8, 12), blocks=blocks, decoder=16, deconvolution=deconvolution
    )
    return Cascade(
        GEOMETRY,
        CompactDetection(66, widths),
        CompactRegression(66, 24, (16, 16), deconvolution=deconvolution),
        CompactDepth(66, stem=(4, 8), stages=(8, 12, 16), prior=32),
        CompactVisibility(66, features=16, local=8, shape=16),
    )


def wide_cascade() -> Cascade:
    """A cascade from which :func:`small_cascade` can be pruned."""
    return small_cascade(blocks=(1, 1, 2, 2), deconvolution=4)


def seeded_cascade(seed: int, build: Callable[[], Cascade] = small_cascade) -> Cascade:
    """Random weights, and batch norms that are not the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        cascade = build()
        for name, buffer in cascade.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
            elif name.endswith("num_batches_tracked"):
                buffer.fill_(seed)
    return cascade
