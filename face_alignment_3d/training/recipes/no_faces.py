"""Places of everyday photos that look like a face to the scout and are none."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.detection.scout.detector import ScoutDetector
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.training.data.datasets.everyday import EVERYDAY, everyday_photos
from face_alignment_3d.training.data.datasets.on_demand import around_face
from face_alignment_3d.training.data.sample import Sample

#: One in so many everyday photos is kept for measuring.
HOLDOUT_EVERY: Final = 10
#: The scout's score from which on a place looks like a face.
_LOOKS_LIKE_ONE: Final = 0.02
#: The most such places that are taken of one photo.
MOST_OF_A_PHOTO: Final = 24


def no_face_samples(data: Path, *, face_size: int) -> list[Sample]:
    """Crops of the everyday photos without people below ``data``, around what the scout suspects there.

    Without that folder there are none. All landmarks of these samples are absent; their points only place the
    crop, on the diagonal of the suspected box. As for faces, the photo is cut and shrunk to ``face_size``.
    """
    scout = ScoutDetector(threshold=_LOOKS_LIKE_ONE)
    samples = []
    for index, file in enumerate(everyday_photos(data)):
        if index % HOLDOUT_EVERY:
            image = as_rgb(file)
            samples += [
                around_face(_sample(f"{EVERYDAY}/{file.stem}", image, suspected), face_size=face_size)
                for suspected in scout.detect(image)[:MOST_OF_A_PHOTO]
            ]
    return samples


def _sample(name: str, image: npt.NDArray[np.uint8], suspected: Detection) -> Sample:
    along = np.linspace(0, 1, NUM_LANDMARKS, dtype=np.float32)[:, None]
    points = np.zeros((NUM_LANDMARKS, 3), dtype=np.float32)
    points[:, :2] = (1 - along) * suspected.box[:2] + along * suspected.box[2:]
    nothing = np.zeros(NUM_LANDMARKS, dtype=np.float32)
    return Sample(name, image, points, nothing, nothing, absent=np.ones(NUM_LANDMARKS, dtype=np.float32))
