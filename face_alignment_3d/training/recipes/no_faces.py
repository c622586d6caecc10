"""Places of everyday photos that look like a face to the scout and are none."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.scout.detector import ScoutDetector
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.training.data.archives import read_arrays, write_arrays
from face_alignment_3d.training.data.datasets.everyday import EVERYDAY, everyday_photos
from face_alignment_3d.training.data.datasets.on_demand import around_face
from face_alignment_3d.training.data.sample import Sample

#: Below the derived data: the file names and the boxes of all places.
FILE_NAME: Final = "no_faces.npz"
#: One in so many everyday photos is kept for measuring.
HOLDOUT_EVERY: Final = 10
#: The most places that are taken of one photo.
MOST_OF_A_PHOTO: Final = 24
#: The scout's score from which on a place looks like a face.
_LOOKS_LIKE_ONE: Final = 0.02


def find_no_faces(data: Path, derived_data: Path) -> None:
    """Searches the everyday photos without people below ``data``, unless ``derived_data`` has the result.

    It is written to :data:`FILE_NAME` there and stays the same from then on, which a search, whose rounding
    differs between processes, would not. Without photos there is no file.
    """
    photos = [file for index, file in enumerate(everyday_photos(data)) if index % HOLDOUT_EVERY]
    if not photos or (derived_data / FILE_NAME).exists():
        return
    scout = ScoutDetector(threshold=_LOOKS_LIKE_ONE)
    found = [(file.name, scout.detect(as_rgb(file))[:MOST_OF_A_PHOTO]) for file in photos]
    names = [name for name, places in found for _ in places]
    boxes = [place.box for _, places in found for place in places]
    content = {"names": np.array(names, dtype=str), "boxes": np.array(boxes, np.float32).reshape(-1, 4)}
    write_arrays(derived_data / FILE_NAME, content)


def no_face_samples(data: Path, derived_data: Path, *, face_size: int) -> list[Sample]:
    """Crops of the photos below ``data`` around the places that :func:`find_no_faces` found.

    Without its file there are none. All landmarks of these samples are absent; their points only place the
    crop, on the diagonal of the box. As for faces, the photo is cut and shrunk to ``face_size``.
    """
    if not (derived_data / FILE_NAME).exists():
        return []
    places = read_arrays(derived_data / FILE_NAME, ["names", "boxes"])
    samples: list[Sample] = []
    for name in dict.fromkeys(places["names"].tolist()):
        image = as_rgb(data / EVERYDAY / name)
        for box in places["boxes"][places["names"] == name]:
            samples.append(
                around_face(_sample(f"{EVERYDAY}/{Path(name).stem}", image, box), face_size=face_size)
            )
    return samples


def _sample(name: str, image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32]) -> Sample:
    along = np.linspace(0, 1, NUM_LANDMARKS, dtype=np.float32)[:, None]
    points = np.zeros((NUM_LANDMARKS, 3), dtype=np.float32)
    points[:, :2] = (1 - along) * box[:2] + along * box[2:]
    nothing = np.zeros(NUM_LANDMARKS, dtype=np.float32)
    return Sample(name, image, points, nothing, nothing, absent=np.ones(NUM_LANDMARKS, dtype=np.float32))
