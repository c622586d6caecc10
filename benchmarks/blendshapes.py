"""The accuracy of blendshapes, on made faces with known blendshapes and on held-out photos.

    python benchmarks/blendshapes.py --data DATA [--weights blendshapes] [--landmarks lite] [--noise 0.01]

Made faces are ICT-FaceKit's, of identities that the regressor never saw, with white noise. Photos are those
of HELEN train and LFPW train that training holds out; AFW is not touched. Prints a table, the same after
calibration with the mean of ten frames of each face at rest, and what the photos give, and draws
``build/blendshapes.png``: the photos with the strongest smiles, open mouths, shut eyes, raised brows,
puckers and frowns, and some with next to nothing, each with its largest blendshapes.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.arkit import VISIBLE
from face_alignment_3d.blendshapes.weights_file import BlendshapeModel, load_blendshape_model
from face_alignment_3d.crop import box_around
from face_alignment_3d.export import write_png
from face_alignment_3d.images import as_rgb
from face_alignment_3d.pose import canonical_points
from face_alignment_3d.training.blendshapes.expression_model import load_expression_model
from face_alignment_3d.training.blendshapes.measuring import summary, worth_on_faces, worth_on_photos
from face_alignment_3d.training.blendshapes.photos import PhotoLandmarks, read_photos
from face_alignment_3d.training.blendshapes.recipe import table
from face_alignment_3d.training.blendshapes.samples import unseen_faces
from face_alignment_3d.weights.store import resolve_weights

_SEED = 20_260
_FACES = 10_000
_TILE = 170
_TEXT = 84
_COLUMNS = 8
_ROWS = (
    ("mouthSmileLeft", "mouthSmileRight"),
    ("jawOpen",),
    ("eyeBlinkLeft", "eyeBlinkRight"),
    ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    ("browDownLeft", "browDownRight"),
    ("mouthPucker", "mouthFunnel"),
    ("mouthFrownLeft", "mouthFrownRight"),
)

Floats = npt.NDArray[np.float64]


def blendshapes_of(weights: BlendshapeModel, photos: PhotoLandmarks) -> Floats:
    """(N, V) in [0, 1], as the estimator gives them."""
    raw = weights.regressor.predict(weights.reading.read(canonical_points(photos.landmarks)))
    return np.clip(raw, 0.0, 1.0)


def sheet(photos: PhotoLandmarks, values: Floats) -> npt.NDArray[np.uint8]:
    """A row for each expression, strongest first; the last row shows the calmest faces."""
    rows = []
    for names in _ROWS:
        strength = values[:, [VISIBLE.index(name) for name in names]].mean(axis=1)
        rows.append(np.argsort(-strength)[:_COLUMNS])
    rows.append(np.argsort(values.max(axis=1))[:_COLUMNS])
    return np.vstack([np.hstack([_tile(photos, values[i], i) for i in row]) for row in rows])


def _tile(photos: PhotoLandmarks, values: Floats, index: int) -> npt.NDArray[np.uint8]:
    points = photos.landmarks[index, :, :2]
    x0, y0, x1, y1 = box_around(points)
    scale = _TILE / (1.25 * max(x1 - x0, y1 - y0))
    shift = [_TILE / 2 - scale * (x0 + x1) / 2, _TILE / 2 - scale * (y0 + y1) / 2]
    placed = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    tile = np.zeros((_TILE + _TEXT, _TILE, 3), np.uint8)
    tile[:_TILE] = cv2.warpAffine(as_rgb(photos.paths[index]), placed, (_TILE, _TILE), flags=cv2.INTER_AREA)
    for x, y in points * scale + shift:
        cv2.circle(tile, (round(x), round(y)), 1, (90, 255, 90), -1, cv2.LINE_AA)
    for line, best in enumerate(np.argsort(-values)[:6]):
        text = f"{VISIBLE[best]} {values[best]:.2f}"
        spot = (3, _TILE + 12 + 13 * line)
        cv2.putText(tile, text, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (235, 235, 235), 1, cv2.LINE_AA)
    return tile


def main() -> None:
    """Measures, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DATA")
    parser.add_argument("--weights", default="blendshapes", metavar="NAME|FILE")
    parser.add_argument("--landmarks", default="lite", metavar="NAME|FILE")
    parser.add_argument("--noise", type=float, default=0.01, help="in inter-ocular distances (0.01)")
    parser.add_argument("--out", type=Path, default=Path("build/blendshapes.png"), metavar="FILE")
    args = parser.parse_args()
    weights = load_blendshape_model(resolve_weights(args.weights))
    model = load_expression_model(args.data)
    faces = unseen_faces(model, _FACES, np.random.default_rng(_SEED), noise=args.noise)
    worths = worth_on_faces(weights.regressor, faces, names=VISIBLE)
    print(table(worths))
    calibrated = worth_on_faces(weights.regressor, faces, names=VISIBLE, neutral=weights.neutral)
    print(table(calibrated))
    for name, value in summary(calibrated).items():
        print(f"calibrated, {name}: {value:.3f}")
    photos = read_photos(args.data, FaceAligner3D(args.landmarks, backend="torch", device="cpu"))
    measured = worth_on_photos(weights.reading, weights.regressor, photos.held_out)
    for name, value in {**summary(worths), **measured}.items():
        print(f"{name}: {value:.3f}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_png(args.out, sheet(photos.held_out, blendshapes_of(weights, photos.held_out)))
    print(f"photos: {args.out}")


if __name__ == "__main__":
    main()
