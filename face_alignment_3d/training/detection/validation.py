"""A quick validation of the scout, on photos that it is not trained on."""

import copy
from pathlib import Path
from typing import Final

import numpy as np

from face_alignment_3d.crop import Crop, box_around
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.detection.scout.network import ScoutNetwork
from face_alignment_3d.detection.scout.runner import Runner
from face_alignment_3d.detection.scout.search import searched
from face_alignment_3d.detection.scout.torch_runner import TorchRunner
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.face_sets import HOLDOUT_EVERY
from face_alignment_3d.training.data.datasets.photos68 import open_photos68
from face_alignment_3d.training.detection.held_out import average_precision, held_out_scenes

_SCENE_SIZE: Final = 640
_TURNS: Final = (0, 90, 180, 240)


def validate_scout(network: ScoutNetwork, data: Path) -> dict[str, float]:
    """Results on held-out photos, in percent, and degrees of roll.

    Average precision on the scenes, at 640 pixels, of faces at least 24 pixels high without heavy blur or
    occlusion; and portraits, turned, found at the right angle, at 256.
    """
    runner = TorchRunner(copy.deepcopy(network).eval(), next(network.parameters()).device)
    report = {"held-out scenes, average precision, %": _average_precision(runner, data)}
    found: dict[int, list[bool]] = {turn: [] for turn in _TURNS}
    off: list[float] = []
    photos = open_photos68(data, "helen_train")
    for index in range(0, len(photos.names), HOLDOUT_EVERY):
        image, points = photos.image(index), photos.points68[index][FROM_68]
        for turn in _TURNS:
            side = max(image.shape[:2])
            window = Crop(
                (image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2, side, 256, -float(np.deg2rad(turn))
            )
            box = box_around(window.to_crop(points)).astype(np.float64)
            seen = searched(runner, [window.sample(image)], [1.0], 0.3)[0]
            boxes, scores = seen.boxes, seen.scores
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
    report |= {
        f"held-out portraits turned by {turn} degrees, found, %": 100 * float(np.mean(hits))
        for turn, hits in found.items()
    }
    return {
        **report,
        "held-out portraits, median error of the roll, degrees": float(np.median(off)) if off else 180.0,
    }


def _average_precision(runner: Runner, data: Path) -> float:
    certainty: list[float] = []
    hit: list[bool] = []
    total = 0
    for scene in held_out_scenes(data):
        total += int(scene.counts.sum())
        scale = _SCENE_SIZE / max(scene.image.shape[:2])
        found = searched(runner, [scene.image], [scale], 0.05)[0]
        outcomes = scene.outcomes(found.boxes.around())
        certainty += found.scores[outcomes >= 0].tolist()
        hit += (outcomes[outcomes >= 0] == 1).tolist()
    return 100 * average_precision(np.array(certainty), np.array(hit, dtype=bool), total)
