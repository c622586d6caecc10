"""The sizes that the cascade comes in."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.networks.cascade import Cascade, CascadeGeometry
from face_alignment_3d.networks.compact.depth import CompactDepth
from face_alignment_3d.networks.compact.detection import CompactDetection, DetectionWidths
from face_alignment_3d.networks.compact.regression import CompactRegression


def lite() -> Cascade:
    """The shipped default, for CPUs: 128 px crops, at most 0.5 GMAC a face and 12 MB in fp16."""
    geometry = CascadeGeometry(
        landmarks=NUM_LANDMARKS,
        input_size=128,
        crop_extension=1.35,
        heatmap_stride=4,
        depth_stride=4,
        depth_std=4.0,
        detection_radius=6.0,
        regression_std=5.0,
        decoding="softmax",
    )
    widths = DetectionWidths(
        stem=24, features=48, stages=(96, 128, 192), blocks=(1, 1, 2, 2), decoder=64
    )
    return Cascade(
        geometry,
        CompactDetection(NUM_LANDMARKS, widths),
        CompactRegression(NUM_LANDMARKS, widths.features + widths.decoder, (64, 96, 128, 160)),
        CompactDepth(NUM_LANDMARKS, stem=(16, 32), stages=(64, 96, 160), prior=256),
    )


PRESETS: Final[Mapping[str, Callable[[], Cascade]]] = MappingProxyType({"lite": lite})
