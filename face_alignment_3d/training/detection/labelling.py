"""Labels of all faces in the training photos, from hand-made boxes, landmarks and two networks."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.aligner import FaceAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.detection.centerface import CENTERFACE_BOXES, CenterFaceDetector
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.overlap import intersection_over_union
from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.errors import DataError, LandmarksError
from face_alignment_3d.images import as_rgb
from face_alignment_3d.training.data.archives import read_arrays, require_files, require_shape
from face_alignment_3d.training.data.datasets.face_sets import (
    HAND_LABELLED,
    HOLDOUT_EVERY,
    open_training_sets,
    photo_digest,
)
from face_alignment_3d.training.detection.labels import LabelledFaces, oriented_box
from face_alignment_3d.training.labels.fused_labels import FusedLabels

SCENES: Final = "wider_train"
EVERYDAY: Final = "everyday"
#: Of scenes, every so many is kept for measuring.
SCENE_HOLDOUT_EVERY: Final = 10
#: The column of the flag of faces that the set itself calls invalid.
INVALID: Final = 3

#: Photos of ``everyday/`` that show a person, a doll, a mask or a picture of one.
_PEOPLE: Final = Path(__file__).with_name("everyday_people.txt")

#: Shorter side in pixels from which on the landmark network can tell how a face of a scene leans.
_LEAST_TO_ALIGN: Final = 16.0
#: Mean confidence from which on its landmarks are used.
_MIN_CONFIDENCE: Final = 0.4
#: Overlap with the hand-made box that they must have.
_SAME: Final = 0.4
#: Weight of a roll of zero for a face too small for landmarks.
_PRESUMED_UPRIGHT: Final = 0.3
#: Score of the teacher from which on a face that nobody has labelled is one, or may be one.
_SURE, _PERHAPS = 0.5, 0.2
#: Weight of a labelled face that the teacher does not see at all.
_UNSEEN: Final = 0.4
_FLAGS: Final = 6

_Floats = npt.NDArray[np.float64]
Progress = Callable[[int], object]


class _Faces:
    """Collects the faces of one set."""

    def __init__(self) -> None:
        self._photo: list[int] = []
        self._boxes: list[_Floats] = []
        self._rolls: list[float] = []
        self._roll_weights: list[float] = []
        self._weights: list[float] = []
        self._yaws: list[float] = []

    def add(
        self, photo: int, box: _Floats, roll: float, roll_weight: float, weight: float, yaw: float = 0.0
    ) -> None:
        self._photo.append(photo)
        self._boxes.append(box)
        self._rolls.append(roll)
        self._roll_weights.append(roll_weight)
        self._weights.append(weight)
        self._yaws.append(yaw)

    def finished(self, data: Path, files: Sequence[Path]) -> LabelledFaces:
        boxes = np.array(self._boxes, dtype=np.float64).reshape(-1, 4)
        with ThreadPoolExecutor() as executor:
            digests = tuple(executor.map(photo_digest, files))
        return LabelledFaces(
            tuple(file.relative_to(data).as_posix() for file in files),
            digests,
            np.array(self._photo, dtype=np.int64),
            OrientedBoxes(boxes[:, :2], boxes[:, 2:], np.array(self._rolls, dtype=np.float64)),
            np.array(self._roll_weights, dtype=np.float32),
            np.array(self._weights, dtype=np.float32),
            np.array(self._yaws, dtype=np.float32),
        )


def label_faces(
    data: Path, fused: FusedLabels, aligner: FaceAligner3D, teacher: CenterFaceDetector, progress: Progress
) -> Iterator[tuple[str, LabelledFaces]]:
    """The sets below ``data``, each with its name; ``progress`` is told of each photo that was looked at.

    ``fused`` are the landmarks of all sets of portraits. Raises :class:`DataError` for data that is missing.
    """
    yield SCENES, label_scenes(data, aligner, teacher, progress)
    for faces in open_training_sets(data):
        fusion = fused.of(faces)
        found = _Faces()
        chosen = [
            index
            for index in np.flatnonzero(fusion.weight_xy.max(axis=1) > 0).tolist()
            if faces.name not in HAND_LABELLED or index % HOLDOUT_EVERY
        ]
        for place, index in enumerate(chosen):
            box, roll = oriented_box(fusion.points[index])
            found.add(place, box, roll, 1.0, 1.0, float(fusion.yaw[index]))
            if faces.name in HAND_LABELLED:  # Large enough to have other people in the background.
                own = box_around(fusion.points[index])[None]
                _add_others(found, place, faces.image(index), own, aligner, teacher)
            progress(1)
        yield faces.name, found.finished(data, [faces.files[index] for index in chosen])
    files = everyday_photos(data)
    if not files:
        raise DataError(f"expected photos without people in {data / EVERYDAY}; there are none")
    progress(len(files))
    yield EVERYDAY, _Faces().finished(data, files)


def everyday_photos(data: Path) -> list[Path]:
    """The everyday photos below ``data`` that show no people, by name."""
    people = set(_PEOPLE.read_text("utf-8").split())
    return [file for file in sorted((data / EVERYDAY).glob("*.jpg")) if file.name not in people]


def count_photos(data: Path) -> int:
    """The number of photos that :func:`label_faces` looks at, about."""
    scenes = len(read_arrays(data / f"{SCENES}.npz", ["names"])["names"])
    return scenes + sum(map(len, open_training_sets(data))) + len(list((data / EVERYDAY).glob("*.jpg")))


def label_scenes(
    data: Path, aligner: FaceAligner3D, teacher: CenterFaceDetector, progress: Progress
) -> LabelledFaces:
    """Scenes with a box around each face, from the forehead to the chin."""
    index = data / f"{SCENES}.npz"
    arrays = read_arrays(index, ["names", "photo", "boxes", "flags"])
    require_shape(index, "boxes", arrays["boxes"], (None, 4))
    require_shape(index, "flags", arrays["flags"], (len(arrays["boxes"]), _FLAGS))
    require_shape(index, "photo", arrays["photo"], (len(arrays["boxes"]),))
    names = [f"{name}.webp" for name in arrays["names"]]
    require_files(data / SCENES, names, index=index)
    chosen = [place for place in range(len(names)) if place % SCENE_HOLDOUT_EVERY]
    found = _Faces()
    for photo, place in enumerate(chosen):
        members = arrays["photo"] == place
        image = as_rgb(data / SCENES / names[place])
        drawn = arrays["boxes"][members].astype(np.float64)
        invalid = arrays["flags"][members][:, INVALID] > 0
        reference = CENTERFACE_BOXES.apply(drawn) - 0.5
        seen = teacher.detect(image)
        scores = _matched_scores(reference, seen)
        for box, score, is_invalid in zip(reference, scores, invalid, strict=True):
            if (box[2:] - box[:2]).min() < 1:
                continue
            weight = 0.0 if is_invalid else _UNSEEN + (1 - _UNSEEN) * score
            found.add(photo, *_placed(image, box, aligner), weight)
        _add_unlabelled(found, photo, reference, seen)
        progress(1)
    return found.finished(data, [data / SCENES / names[place] for place in chosen])


def _placed(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.floating], aligner: FaceAligner3D
) -> tuple[_Floats, float, float]:
    """Box, roll and the roll's weight of a face in a box that may have a small error."""
    if (box[2:] - box[:2]).min() >= _LEAST_TO_ALIGN:
        face = aligner.detect(image, boxes=box[None].astype(np.float32))[0]
        tight = box_around(face.landmarks)[None]
        overlap = intersection_over_union(tight, box[None].astype(np.float64))[0, 0]
        if face.confidence.mean() >= _MIN_CONFIDENCE and overlap >= _SAME:
            try:
                return (*oriented_box(face.landmarks), 1.0)
            except LandmarksError:
                pass
    return _upright(box), 0.0, _PRESUMED_UPRIGHT


def _upright(box: npt.NDArray[np.floating]) -> _Floats:
    """Center and sides (4,) in edge coordinates of a box x0, y0, x1, y1 in pixels."""
    upright = OrientedBoxes.upright(box[None] + 0.5)
    return np.concatenate([upright.centers[0], upright.sides[0]])


def _matched_scores(boxes: _Floats, seen: Sequence[Detection]) -> list[float]:
    """The teacher's score of each box: the best that overlaps it, 0 without one."""
    if not seen:
        return [0.0] * len(boxes)
    overlaps = intersection_over_union(boxes, np.stack([one.box for one in seen]))
    scores = np.array([one.score for one in seen])
    matched: list[float] = np.where(overlaps > _SAME, scores, 0.0).max(axis=1).tolist()
    return matched


def _add_unlabelled(found: _Faces, photo: int, labelled: _Floats, seen: Sequence[Detection]) -> None:
    """Adds the teacher's faces that match no label, with weight 0: nothing is learned at those places."""
    for one in seen:
        box = np.asarray(one.box, dtype=np.float64)
        if not len(labelled) or intersection_over_union(box[None], labelled).max() < _SAME:
            found.add(photo, _upright(box), 0.0, 0.0, 0.0)


def _add_others(
    found: _Faces,
    photo: int,
    image: npt.NDArray[np.uint8],
    own: npt.NDArray[np.floating],
    aligner: FaceAligner3D,
    teacher: CenterFaceDetector,
) -> None:
    """Adds other people's faces in a portrait that the teacher finds. Doubtful ones get weight 0."""
    for one in teacher.detect(image):
        box = one.box.astype(np.float64)
        if one.score < _PERHAPS or intersection_over_union(box[None], own.astype(np.float64)).max() > 0.2:
            continue
        found.add(photo, *_placed(image, box, aligner), one.score if one.score >= _SURE else 0.0)
