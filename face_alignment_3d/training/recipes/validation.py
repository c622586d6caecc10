"""A quick validation of a run, on samples that it does not train on."""

from collections.abc import Mapping, Sequence

import numpy as np

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.augment import upright_crop
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.inference import predict
from face_alignment_3d.training.evaluation import metrics


def validate(cascade: Cascade, sets: Mapping[str, Sequence[Sample]]) -> dict[str, float]:
    """Errors in percent for each set that is not empty, from exact boxes.

    ``<set>/inner``, ``<set>/failures``, ``<set>/box`` and ``<set>/z``, as
    :mod:`face_alignment_3d.training.evaluation.metrics` defines them.
    """
    geometry = cascade.geometry
    report: dict[str, float] = {}
    for name, every in sets.items():
        samples = [sample for sample in every if sample.weight_xy.any()]
        if not samples:
            continue
        truth = np.stack([sample.points for sample in samples])
        crops = [
            upright_crop(points, size=geometry.input_size, crop_scale=geometry.crop_scale) for points in truth
        ]
        points = predict(cascade, [sample.image for sample in samples], crops)
        inner = metrics.inner_nme(points[..., :2], truth[..., :2])
        report[f"{name}/inner"] = float(inner.mean())
        report[f"{name}/failures"] = metrics.failure_rate(inner)
        report[f"{name}/box"] = float(metrics.box_nme(points[..., :2], truth[..., :2]).mean())
        report[f"{name}/z"] = float(metrics.depth_error(points, truth).mean())
    return report
