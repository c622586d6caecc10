"""Scenes that no training sees, and the average precision of boxes found in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.centerface import CENTERFACE_BOXES
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.archives import read_arrays
from face_alignment_3d.training.detection.labelling import SCENE_HOLDOUT_EVERY, SCENES

_LEAST_HEIGHT: Final = 24.0
_SAME: Final = 0.5


@dataclass(frozen=True)
class Scene:
    """A photo with all its faces."""

    image: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float64]
    """(F, 4): as WIDER FACE draws them, from the forehead to the chin."""
    counts: npt.NDArray[np.bool_]
    """(F,): at least 24 pixels high, without heavy blur or occlusion. Others are no hits and no misses."""

    def outcomes(self, boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """The outcome of each of the reference boxes (D, 4), surest first: (D,).

        1 for a hit, 0 for a false face, -1 for a face that does not count.
        """
        drawn = CENTERFACE_BOXES.inverse().apply(boxes)
        taken: set[int] = set()
        outcomes = []
        for row in intersection_over_union(drawn, self.boxes):
            best = int(row.argmax()) if len(row) else -1
            if best < 0 or row[best] < _SAME or best in taken:
                outcomes.append(0)
            else:
                taken.add(best)
                outcomes.append(1 if self.counts[best] else -1)
        return np.array(outcomes, dtype=np.int64)


def held_out_scenes(data: Path, count: int | None = None) -> Iterator[Scene]:
    """The held-out WIDER photos below ``data``; at most ``count``, spread evenly."""
    labels = read_arrays(data / f"{SCENES}.npz", ["names", "photo", "boxes", "flags"])
    places = range(0, len(labels["names"]), SCENE_HOLDOUT_EVERY)
    step = 1 if count is None else max(1, len(places) // count)
    for place in places[::step][:count]:
        members = labels["photo"] == place
        boxes, flags = labels["boxes"][members].astype(np.float64), labels["flags"][members]
        counts = (
            (boxes[:, 3] - boxes[:, 1] >= _LEAST_HEIGHT)
            & (flags[:, 0] < 2)
            & (flags[:, 4] < 2)
            & (flags[:, 3] == 0)
        )
        yield Scene(as_rgb(data / SCENES / f"{labels['names'][place]}.webp"), boxes, counts)


def average_precision(
    certainty: npt.NDArray[np.floating], is_hit: npt.NDArray[np.bool_], total: int
) -> float:
    """The area under precision, made to fall, over recall, of detections (D,) and ``total`` faces."""
    hits_in_order = is_hit[np.argsort(-certainty, kind="stable")]
    precision = np.cumsum(hits_in_order) / np.arange(1, len(is_hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * hits_in_order).sum() / max(1, total))
