"""A quick validation of the scout, on photos that it is not trained on."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.detection.centerface import CENTERFACE_BOXES
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.detection.scout.decoding import decoded
from face_alignment_3d.detection.scout.layout import MULTIPLE, cells
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.archives import read_arrays
from face_alignment_3d.training.data.datasets.photos68 import open_photos68
from face_alignment_3d.training.detection.labelling import (
    PORTRAIT_HOLDOUT_EVERY,
    SCENE_HOLDOUT_EVERY,
    SCENES,
)

_SCENE_SIZE: Final = 640
_LEAST_HEIGHT: Final = 24.0
_SAME: Final = 0.5
_TURNS: Final = (0, 90, 180, 240)


def search(
    network: ScoutNetwork, image: npt.NDArray[np.uint8], side: int, threshold: float
) -> tuple[OrientedBoxes, npt.NDArray[np.float64], float]:
    """Boxes and scores in a photo scaled to that longer side, and the scale."""
    scale = side / max(image.shape[:2])
    shrunk = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = shrunk.shape[:2]
    canvas = np.zeros((-(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE, 3), np.uint8)
    canvas[:height, :width] = shrunk
    device = next(network.parameters()).device
    with torch.inference_mode():
        output = network(torch.from_numpy(canvas)[None].to(device))[0].float().cpu().numpy()
    boxes, scores = decoded(output, cells(*canvas.shape[:2]), threshold=threshold)
    return boxes, scores, scale


def validate_scout(network: ScoutNetwork, data: Path) -> dict[str, float]:
    """Results on held-out photos, in percent, and degrees of roll.

    Average precision on the scenes, at 640 pixels, of faces at least 24 pixels high without heavy blur or
    occlusion; and portraits, turned, found at the right angle, at 256.
    """
    network.eval()
    report = {"scenes AP": _average_precision(network, data)}
    found: dict[int, list[bool]] = {turn: [] for turn in _TURNS}
    off: list[float] = []
    photos = open_photos68(data, "helen_train")
    for index in range(0, len(photos.names), PORTRAIT_HOLDOUT_EVERY):
        image, points = photos.image(index), photos.points68[index][FROM_68]
        for turn in _TURNS:
            side = max(image.shape[:2])
            window = Crop(
                (image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2, side, 256, -float(np.deg2rad(turn))
            )
            box = box_around(window.to_crop(points)).astype(np.float64)
            boxes, scores, _ = search(network, window.sample(image), 256, 0.3)
            overlaps = (
                intersection_over_union(boxes.around() - 0.5, box[None])[:, 0] if len(scores) else np.zeros(1)
            )
            best = int(overlaps.argmax())
            hit = len(scores) > 0 and overlaps[best] > 0.4
            if hit:
                lean = np.rad2deg(boxes.rolls[best]) - turn
                off.append(abs((lean + 180) % 360 - 180))
                hit = off[-1] < 35
            found[turn].append(bool(hit))
    report |= {f"{turn} deg": 100 * float(np.mean(hits)) for turn, hits in found.items()}
    return {**report, "roll off": float(np.median(off)) if off else 180.0}


def _average_precision(network: ScoutNetwork, data: Path) -> float:
    labels = read_arrays(data / f"{SCENES}.npz", ["names", "photo", "boxes", "flags"])
    certainty: list[float] = []
    hit: list[bool] = []
    total = 0
    for place in range(0, len(labels["names"]), SCENE_HOLDOUT_EVERY):
        members = labels["photo"] == place
        truth, flags = labels["boxes"][members].astype(np.float64), labels["flags"][members]
        counts = (truth[:, 3] - truth[:, 1] >= _LEAST_HEIGHT) & (flags[:, 0] < 2) & (flags[:, 4] < 2)
        counts &= flags[:, 3] == 0
        total += int(counts.sum())
        image = as_rgb(data / SCENES / f"{labels['names'][place]}.webp")
        boxes, scores, scale = search(network, image, _SCENE_SIZE, 0.05)
        drawn = CENTERFACE_BOXES.inverse().apply(boxes.around() / scale)
        taken: set[int] = set()
        overlaps = intersection_over_union(drawn, truth)
        for row, score in zip(overlaps, scores.tolist(), strict=True):
            best = int(row.argmax()) if len(row) else -1
            matched = best >= 0 and row[best] >= _SAME and best not in taken
            if matched:
                taken.add(best)
            if not matched or counts[best]:
                certainty.append(score)
                hit.append(matched)
    order = np.argsort(-np.array(certainty), kind="stable")
    hits = np.array(hit, dtype=np.float64)[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return 100 * float((envelope * hits).sum()) / max(1, total)
