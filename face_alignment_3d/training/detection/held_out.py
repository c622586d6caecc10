"""Labelled scenes, also those that no training sees, and the average precision of boxes found in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.centerface import CENTERFACE_BOXES
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.archives import read_arrays
from face_alignment_3d.training.detection.labelling import INVALID, SCENE_HOLDOUT_EVERY, SCENES

_LEAST_HEIGHT: Final = 24.0
_SAME: Final = 0.5


@dataclass(frozen=True)
class Scene:
    """A photo with all its faces."""

    image: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float64]
    """(F, 4): as WIDER FACE draws them, from the forehead to the chin."""
    counts: npt.NDArray[np.bool_]
    """(F,): True for faces that are to be found. Others are no hits and no misses."""

    def matched(self, boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """(D,): the index of the face that each of the boxes (D, 4), surest first, is; -1 for none."""
        drawn = CENTERFACE_BOXES.inverse().apply(boxes)
        matched: list[int] = []
        for row in intersection_over_union(drawn, self.boxes):
            best = int(row.argmax()) if len(row) else -1
            is_new = best >= 0 and row[best] >= _SAME and best not in matched
            matched.append(best if is_new else -1)
        return np.array(matched, dtype=np.int64)

    def heights(self) -> npt.NDArray[np.float64]:
        """(F,): the height of each face's box, pixels."""
        return np.asarray(self.boxes[:, 3] - self.boxes[:, 1])

    def outcomes(self, boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """The outcome of each of the reference boxes (D, 4), surest first: (D,).

        1 for a hit, 0 for a false face, -1 for a face that does not count.
        """
        matched = self.matched(boxes)
        outcomes = np.zeros(len(matched), dtype=np.int64)
        is_face = matched >= 0
        outcomes[is_face] = np.where(self.counts[matched[is_face]], 1, -1)
        return outcomes


def held_out_scenes(data: Path, count: int | None = None) -> Iterator[Scene]:
    """The held-out WIDER photos below ``data``; at most ``count``, spread evenly.

    Faces of at least 24 pixels of height count, without heavy blur or occlusion.
    """
    labels = _labels(data)
    places = range(0, len(labels["names"]), SCENE_HOLDOUT_EVERY)
    step = 1 if count is None else max(1, len(places) // count)
    for place in places[::step][:count]:
        scene, flags = _scene(data, labels, place)
        is_clear = (scene.heights() >= _LEAST_HEIGHT) & (flags[:, 0] < 2) & (flags[:, 4] < 2)
        yield replace(scene, counts=scene.counts & is_clear)


def all_scenes(data: Path) -> Iterator[Scene]:
    """All WIDER photos below ``data``, those of the training too; all faces but invalid ones count."""
    labels = _labels(data)
    for place in range(len(labels["names"])):
        yield _scene(data, labels, place)[0]


def _labels(data: Path) -> dict[str, npt.NDArray[Any]]:
    return read_arrays(data / f"{SCENES}.npz", ["names", "photo", "boxes", "flags"])


def _scene(
    data: Path, labels: Mapping[str, npt.NDArray[Any]], place: int
) -> tuple[Scene, npt.NDArray[np.integer]]:
    """A photo, all of whose valid faces count, and the flags of its faces."""
    members = labels["photo"] == place
    boxes, flags = labels["boxes"][members].astype(np.float64), labels["flags"][members]
    image = as_rgb(data / SCENES / f"{labels['names'][place]}.webp")
    return Scene(image, boxes, flags[:, INVALID] == 0), flags


def average_precision(
    certainty: npt.NDArray[np.floating], is_hit: npt.NDArray[np.bool_], total: int
) -> float:
    """The area under precision, made to fall, over recall, of detections (D,) and ``total`` faces."""
    hits_in_order = is_hit[np.argsort(-certainty, kind="stable")]
    precision = np.cumsum(hits_in_order) / np.arange(1, len(is_hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * hits_in_order).sum() / max(1, total))
