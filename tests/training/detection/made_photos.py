"""A small data folder for the scout: gray photos with bright squares for faces."""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.training.detection.labels import FILE_NAME, LabelledFaces, save_detection_labels


def make_data(data: Path, derived: Path, *, photos: int = 3) -> None:
    """Writes photos and labels of all sets that a run reads."""
    sets = {}
    generator = np.random.default_rng(0)
    for name, side in (
        ("wider_train", 300),
        ("helen_train", 200),
        ("lfpw_train", 200),
        ("aflw", 60),
        ("faces", 60),
        ("everyday", 200),
    ):
        (data / name).mkdir(parents=True)
        files, digests = [], []
        for index in range(photos):
            image = generator.integers(60, 90, (side, side, 3), dtype=np.uint8)
            if name != "everyday":
                image[
                    side // 2 - side // 8 : side // 2 + side // 8,
                    side // 2 - side // 8 : side // 2 + side // 8,
                ] = 250
            file = data / name / f"{index}.png"
            assert cv2.imwrite(str(file), image)
            files.append(file.relative_to(data).as_posix())
            digests.append(hashlib.sha256(file.read_bytes()).hexdigest()[:16])
        count = 0 if name == "everyday" else photos
        boxes = OrientedBoxes(np.full((count, 2), side / 2), np.full((count, 2), side / 4), np.zeros(count))
        ones = np.ones(count, np.float32)
        sets[name] = LabelledFaces(
            tuple(files), tuple(digests), np.arange(count), boxes, ones, ones, 0 * ones
        )
    derived.mkdir(exist_ok=True)
    save_detection_labels(derived / FILE_NAME, sets, source={})
