"""Measuring a regressor: on faces whose blendshapes are known, and on photos."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES, VISIBLE
from face_alignment_3d.blendshapes.reading import Reading, eye_openness
from face_alignment_3d.blendshapes.regressor import Regressor, predict_calibrated
from face_alignment_3d.markup import MIRROR
from face_alignment_3d.pose.head_pose import canonical_points
from face_alignment_3d.pose.measures import measure_face
from face_alignment_3d.training.blendshapes.measured_reading import SHUT_EYE
from face_alignment_3d.training.blendshapes.photos import PhotoLandmarks
from face_alignment_3d.training.blendshapes.samples import Faces
from face_alignment_3d.training.evaluation.metrics import area_under_roc, rank_correlation

Floats = npt.NDArray[np.float64]

#: Eyes that hands drew wider open than this are open.
_OPEN_EYE: Final = 0.25
_CLOSED_LIPS: Final = 0.03


@dataclass(frozen=True)
class Worth:
    """The measured quality of one blendshape on unseen faces."""

    name: str
    visible: bool
    correlation: float
    """Pearson's correlation with the true value; 0 for an output that never changes."""
    mean_absolute_error: float


def worth_on_faces(
    regressor: Regressor,
    faces: Faces,
    *,
    names: tuple[str, ...] = BLENDSHAPES,
    neutral: Floats | None = None,
) -> tuple[Worth, ...]:
    """The quality of each of the blendshapes ``names`` that ``regressor`` gives.

    With the mean face ``neutral`` (66, 3), after calibration with ten frames of each face at rest.
    """
    if neutral is None:
        raw = regressor.predict(faces.points)
    else:
        raw = predict_calibrated(regressor, faces.points, resting=faces.resting, neutral=neutral)
    predicted = np.clip(raw, 0.0, 1.0)
    true = faces.blendshapes[:, [BLENDSHAPES.index(name) for name in names]].astype(np.float64)
    errors = np.abs(predicted - true).mean(axis=0)
    return tuple(
        Worth(name, name in VISIBLE, _correlation(predicted[:, i], true[:, i]), float(errors[i]))
        for i, name in enumerate(names)
    )


def summary(worths: tuple[Worth, ...]) -> dict[str, float]:
    """The few numbers that the manifest carries."""
    visible = [worth for worth in worths if worth.visible]
    least = {
        name: min(worth.correlation for worth in visible if worth.name.startswith(name))
        for name in ("jawOpen", "eyeBlink", "mouthSmile")
    }
    return {
        "unseen ICT faces, 1 % noise, mean correlation": float(np.mean([w.correlation for w in visible])),
        "unseen ICT faces, 1 % noise, mean absolute error": float(
            np.mean([w.mean_absolute_error for w in visible])
        ),
        **{f"unseen ICT faces, 1 % noise, {name}, correlation": value for name, value in least.items()},
    }


def worth_on_photos(reading: Reading, regressor: Regressor, photos: PhotoLandmarks) -> dict[str, float]:
    """The agreement of the blendshapes of photos with openness measured on the hand-made points.

    ``regressor`` gives the visible blendshapes. Eyes are counted one by one.
    """
    raw = regressor.predict(reading.read(canonical_points(photos.landmarks)))
    values = dict(zip(VISIBLE, np.clip(raw, 0.0, 1.0).T, strict=True))
    hand_mirrored = photos.hand[:, MIRROR] * [-1.0, 1.0]
    openness = np.concatenate([eye_openness(photos.hand), eye_openness(hand_mirrored)])
    blink = np.concatenate([values["eyeBlinkRight"], values["eyeBlinkLeft"]])
    shut, is_open = openness < SHUT_EYE, openness > _OPEN_EYE
    flat = np.concatenate([photos.hand, np.zeros((len(photos.hand), 66, 1))], axis=2)
    mouth = np.array([measure_face(points).mouth_openness for points in flat])
    resting = mouth < _CLOSED_LIPS
    return {
        "held-out photos, shut eyes, mean eyeBlink": float(blink[shut].mean()) if shut.any() else np.nan,
        "held-out photos, open eyes, mean eyeBlink": float(blink[is_open].mean())
        if is_open.any()
        else np.nan,
        "held-out photos, shut eyes with more eyeBlink than open ones, %": 100
        * area_under_roc(blink[shut], blink[is_open]),
        "held-out photos, jawOpen with the hand-made gap of the lips, rank correlation": rank_correlation(
            values["jawOpen"], mouth
        ),
        **{
            f"held-out photos, closed lips, {name}, 9 of 10 below": float(
                np.percentile(values[name][resting], 90)
            )
            for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")
            if resting.any()
        },
    }


def _correlation(first: Floats, second: Floats) -> float:
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
