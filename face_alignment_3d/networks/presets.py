"""The presets of the cascade: its networks at several sizes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.networks.cascade import Cascade, CascadeGeometry
from face_alignment_3d.networks.compact.depth import CompactDepth
from face_alignment_3d.networks.compact.detection import CompactDetection, DetectionWidths
from face_alignment_3d.networks.compact.regression import CompactRegression
from face_alignment_3d.networks.compact.visibility import CompactVisibility
from face_alignment_3d.networks.paper.depth import PaperDepth
from face_alignment_3d.networks.paper.detection import PaperDetection
from face_alignment_3d.networks.paper.regression import PaperRegression


def nano() -> Cascade:
    """For browsers, phones and videos on few cores: 112 px crops, 0.11 GMAC a face and 1.5 MB in fp16.

    A narrower :func:`lite` with one level less in the hourglass, which learns from it.
    """
    return _compact(
        input_size=112,
        crop_scale=1.25,
        depth_std=4.0,
        detection_radius=6.0,
        regression_std=5.0,
        detection=DetectionWidths(
            stem=16, features=32, stages=(64, 80, 80), blocks=(1, 1, 1, 1), decoder=48, deconvolution=2
        ),
        regression=(48, 64, 64),
        depth_stem=(8, 16),
        depth_stages=(16, 32, 48),
        depth_prior=96,
        visibility_shape=64,
    )


def lite() -> Cascade:
    """The shipped default, for CPUs: 128 px crops, 0.34 GMAC a face and 7 MB in fp16.

    It is pruned from :func:`lite_wide`: it lacks the blocks that matter least, and its deconvolutions have a
    quarter of the size.
    """
    return _lite(blocks=(1, 1, 1, 1), deconvolution=2)


def lite_wide() -> Cascade:
    """The network from which ``lite`` is pruned: for training only, 0.46 GMAC a face."""
    return _lite(blocks=(1, 1, 2, 2), deconvolution=4)


def base() -> Cascade:
    """The same networks as ``lite``, larger and on 192 px crops, for a GPU or patience: 21 MB in fp16."""
    return _compact(
        input_size=192,
        crop_scale=1.25,
        depth_std=6.0,
        detection_radius=7.0,
        regression_std=5.5,
        detection=DetectionWidths(
            stem=32, features=64, stages=(128, 192, 272), blocks=(2, 2, 2, 2), decoder=96, deconvolution=4
        ),
        regression=(96, 128, 160, 224),
        depth_stem=(24, 48),
        depth_stages=(96, 144, 224),
        depth_prior=384,
    )


def paper() -> Cascade:
    """The networks of Bulat & Tzimiropoulos (2016), for those who want exactly them: 291 MB in fp16.

    The paper fixes the 384 px, the radius of 7 px and the std of 6 px of the Z network's Gaussians. It
    extends boxes by 20 to 25 %, of which we take the upper end. The std of the regression's Gaussians is our
    choice: that of the Z network's.
    """
    geometry = CascadeGeometry(
        landmarks=NUM_LANDMARKS,
        input_size=384,
        crop_scale=1.25,
        heatmap_stride=1,
        depth_stride=1,
        depth_std=6.0,
        detection_radius=7.0,
        regression_std=6.0,
        decoding="peak",
    )
    return Cascade(
        geometry,
        PaperDetection(NUM_LANDMARKS),
        PaperRegression(NUM_LANDMARKS, PaperDetection.FEATURES),
        PaperDepth(NUM_LANDMARKS),
    )


#: Name -> builder of an untrained cascade, from the smallest to the largest.
PRESETS: Final[Mapping[str, Callable[[], Cascade]]] = MappingProxyType(
    {"nano": nano, "lite": lite, "lite-wide": lite_wide, "base": base, "paper": paper}
)


def _lite(*, blocks: tuple[int, int, int, int], deconvolution: int) -> Cascade:
    return _compact(
        input_size=128,
        crop_scale=1.35,
        depth_std=4.0,
        detection_radius=6.0,
        regression_std=5.0,
        detection=DetectionWidths(
            stem=24,
            features=48,
            stages=(96, 128, 192),
            blocks=blocks,
            decoder=64,
            deconvolution=deconvolution,
        ),
        regression=(64, 96, 128, 160),
        depth_stem=(16, 32),
        depth_stages=(64, 96, 160),
        depth_prior=256,
    )


def _compact(
    *,
    input_size: int,
    crop_scale: float,
    depth_std: float,
    detection_radius: float,
    regression_std: float,
    detection: DetectionWidths,
    regression: tuple[int, ...],
    depth_stem: tuple[int, int],
    depth_stages: tuple[int, int, int],
    depth_prior: int,
    visibility_shape: int = 96,
) -> Cascade:
    """The first five are :class:`CascadeGeometry`'s; then come the channels (and blocks) of the parts."""
    geometry = CascadeGeometry(
        landmarks=NUM_LANDMARKS,
        input_size=input_size,
        crop_scale=crop_scale,
        heatmap_stride=4,
        depth_stride=4,
        depth_std=depth_std,
        detection_radius=detection_radius,
        regression_std=regression_std,
        decoding="softmax",
    )
    return Cascade(
        geometry,
        CompactDetection(NUM_LANDMARKS, detection),
        CompactRegression(
            NUM_LANDMARKS,
            detection.features + detection.decoder,
            regression,
            deconvolution=detection.deconvolution,
        ),
        CompactDepth(NUM_LANDMARKS, stem=depth_stem, stages=depth_stages, prior=depth_prior),
        CompactVisibility(NUM_LANDMARKS, features=regression[0], local=32, shape=visibility_shape),
    )
