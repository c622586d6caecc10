"""The photos that scenes are made of, in memory, each with the turned boxes of its faces."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.oriented_boxes import OrientedBoxes, joined
from face_alignment_3d.errors import DataError
from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.datasets.face_sets import photo_digest
from face_alignment_3d.training.detection.labels import LabelledFaces

Pixels = npt.NDArray[np.uint8]

#: Yaw in degrees, of either sign, from which on a photo is taken that many times.
_REPEATED: Final = ((60.0, 4), (30.0, 2))


@dataclass(frozen=True, eq=False)
class SceneFaces:
    """K faces of a picture."""

    boxes: OrientedBoxes
    roll_weights: npt.NDArray[np.float32]
    """(K,) in [0, 1]: the weight of the roll."""
    weights: npt.NDArray[np.float32]
    """(K,) in [0, 1]: the certainty that this is a face; with 0 the place is trained neither as a face nor as
    none."""

    @classmethod
    def none(cls) -> "SceneFaces":
        """No faces: K = 0."""
        nothing = np.zeros(0, np.float32)
        return cls(OrientedBoxes.upright(np.zeros((0, 4))), nothing, nothing)

    def __len__(self) -> int:
        """The number K of faces."""
        return len(self.weights)

    def __getitem__(self, which: npt.NDArray[np.generic]) -> "SceneFaces":
        """The faces at these indices, or where this mask is true."""
        return SceneFaces(self.boxes[which], self.roll_weights[which], self.weights[which])


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photo with all its faces."""

    image: Pixels
    faces: SceneFaces
    yaw: float = 0.0
    """Degrees, of the first face; 0 where it is not known or there is none."""


def read_photos(data: Path, labels: LabelledFaces) -> list[LabelledPhoto]:
    """Reads the labelled photos below ``data``.

    Raises :class:`DataError` for a photo that is missing or is not the one that was labelled.
    """
    order = np.argsort(labels.photo, kind="stable")
    bounds = np.searchsorted(labels.photo[order], np.arange(len(labels.files) + 1))

    def read(index: int) -> LabelledPhoto:
        file = data / labels.files[index]
        try:
            digest = photo_digest(file)
        except OSError as error:
            raise DataError(f"cannot read {file}: {error.strerror}; get the photos again") from error
        if digest != labels.digests[index]:
            raise DataError(
                f"expected the photo {file} that its faces were labelled in; got another: run "
                "`face-alignment-3d train-data label-detections` on this data folder"
            )
        of_photo = order[bounds[index] : bounds[index + 1]]
        faces = SceneFaces(labels.boxes[of_photo], labels.roll_weights[of_photo], labels.weights[of_photo])
        return LabelledPhoto(as_rgb(file), faces, float(labels.yaws[of_photo[0]]) if len(of_photo) else 0.0)

    with ThreadPoolExecutor() as executor:
        return list(executor.map(read, range(len(labels.files))))


def joined_faces(faces: Sequence[SceneFaces]) -> SceneFaces:
    """All faces of a list that is not empty, in order."""
    return SceneFaces(
        joined([one.boxes for one in faces]),
        np.concatenate([one.roll_weights for one in faces]),
        np.concatenate([one.weights for one in faces]),
    )


@dataclass(frozen=True, eq=False)
class ScenePhotos:
    """The photos that scenes are made of, by kind."""

    scenes: Sequence[LabelledPhoto]
    """Photos with all faces in them labelled."""
    portraits: Sequence[LabelledPhoto]
    """Large photos around one face."""
    cutouts: Sequence[LabelledPhoto]
    """Tight photos of one face. Those of turned heads, of which there are few, are in it several times."""
    backgrounds: Sequence[LabelledPhoto]
    """Photos without faces."""

    @classmethod
    def read(cls, data: Path, sets: Mapping[str, LabelledFaces]) -> "ScenePhotos":
        """Those of the labelled sets below ``data``.

        Raises as :func:`read_photos`, and :class:`DataError` when a set is missing.
        """
        if missing := {"wider_train", "helen_train", "lfpw_train", "aflw", "faces", "everyday"} - sets.keys():
            raise DataError(
                f"expected the labels of six sets; {', '.join(sorted(missing))} are missing: run "
                "`face-alignment-3d train-data label-detections` again"
            )
        photos = {name: read_photos(data, labels) for name, labels in sets.items()}
        return cls(
            photos["wider_train"],
            [*photos["helen_train"], *photos["lfpw_train"]],
            turned_heads_repeated([*photos["aflw"], *photos["faces"]]),
            photos["everyday"],
        )


def turned_heads_repeated(photos: Sequence[LabelledPhoto]) -> list[LabelledPhoto]:
    """The photos in order, those of turned heads several times."""
    repeated: list[LabelledPhoto] = []
    for photo in photos:
        times = next((times for least, times in _REPEATED if abs(photo.yaw) >= least), 1)
        repeated += times * [photo]
    return repeated
