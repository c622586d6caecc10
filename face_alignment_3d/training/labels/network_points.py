"""Predictions of trained networks for the faces of fused labels: the mean over several crops of each.

Predictions are kept on disk in parts, so that a run which was stopped goes on where it was.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.archives import read_arrays, require_shape, write_arrays
from face_alignment_3d.training.data.datasets.face_sets import FaceSet
from face_alignment_3d.training.data.datasets.photos68 import shrink_to_face
from face_alignment_3d.training.labels.agreement import NetworkPoints
from face_alignment_3d.training.labels.views import CropView, Floats, predict_view

#: Photos are shrunk to faces of this size before they are cropped, as in training, pixels.
FACE_SIZE: Final = 150
#: Faces in a part: a quarter of a minute's work on two cores.
_PART: Final = 512


@dataclass(frozen=True, eq=False)
class Network:
    """One member of the ensemble."""

    name: str
    sha256: str
    """SHA-256 of its weight file."""
    cascade: Cascade


def describe_networks(networks: Sequence[Network], views: Sequence[CropView]) -> dict[str, Any]:
    """All that the predictions depend on beside the photos, ready for JSON."""
    return {
        "weights": [{"name": network.name, "sha256": network.sha256} for network in networks],
        "views": [asdict(view) for view in views],
        "face_size": FACE_SIZE,
    }


def predict_sets(
    sets: Sequence[FaceSet],
    networks: Sequence[Network],
    views: Sequence[CropView],
    parts: Path,
    *,
    digests: Mapping[str, Sequence[str]],
    progress: Callable[[int], object] = lambda faces: None,
) -> dict[str, NetworkPoints]:
    """The points of each set's faces, by the set's name; empty without networks.

    Predictions are kept below the folder ``parts`` under a name that only the same networks, views and
    photos (``digests`` by set) have; with those the same call resumes a run that was stopped.
    :func:`remove_parts` deletes them. ``progress`` is told of the faces done since it was last called.
    """
    if not networks:
        return {}
    found = {}
    for faces in sets:
        folder = _folder(parts, networks, views, faces, digests[faces.name])
        folder.mkdir(parents=True, exist_ok=True)
        predictions = []
        for start in range(0, len(faces), _PART):
            here = faces.subset(np.arange(start, min(start + _PART, len(faces))))
            part = folder / f"{start:06d}.npz"
            stored = _stored(part, (len(networks) * len(views), len(here), 66, 3))
            if stored is None:
                stored = _predict(here, networks, views)
                write_arrays(part, {"predictions": stored})
            predictions.append(stored)
            progress(len(here))
        together = np.concatenate(predictions, axis=1).astype(np.float64)
        mean = together.mean(axis=0)
        spread = np.linalg.norm((together - mean)[..., :2], axis=-1).mean(axis=0)
        found[faces.name] = NetworkPoints(mean, spread)
    return found


def remove_parts(parts: Path) -> None:
    """Deletes what :func:`predict_sets` kept."""
    shutil.rmtree(parts, ignore_errors=True)


def _predict(faces: FaceSet, networks: Sequence[Network], views: Sequence[CropView]) -> Floats:
    """(networks * views, N, 66, 3) in pixels of the photos."""
    predicted = faces.predicted[:, FROM_68].astype(np.float32)

    def read(index: int) -> tuple[npt.NDArray[np.uint8], float]:
        image = faces.image(index)
        small, _ = shrink_to_face(image, predicted[index], face_size=FACE_SIZE)
        return small, small.shape[1] / image.shape[1]

    with ThreadPoolExecutor() as executor:
        photos = list(executor.map(read, range(len(faces))))
    images = [image for image, _ in photos]
    scales = np.array([scale for _, scale in photos], dtype=np.float32)
    return np.stack(
        [
            predict_view(network.cascade, view, predicted, images, scales)
            for network in networks
            for view in views
        ]
    )


def _stored(part: Path, shape: tuple[int, ...]) -> Floats | None:
    """The predictions of an earlier run; None where there are none, or broken ones."""
    if not part.exists():
        return None
    try:
        predictions: Floats = read_arrays(part, ["predictions"])["predictions"]
        require_shape(part, "predictions", predictions, shape)
    except DataError:
        return None
    return predictions


def _folder(
    parts: Path,
    networks: Sequence[Network],
    views: Sequence[CropView],
    faces: FaceSet,
    digests: Sequence[str],
) -> Path:
    text = json.dumps([describe_networks(networks, views), faces.name, list(digests)], sort_keys=True)
    digest = hashlib.sha256(text.encode() + faces.predicted.tobytes())
    return parts / digest.hexdigest()[:16]
