"""Draws the motion of blendshapes for the docs: python docs/draw_blendshapes.py --data DATA [FILE]"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES, VISIBLE
from face_alignment_3d.blendshapes.weights_file import load_blendshape_model
from face_alignment_3d.crop import box_around
from face_alignment_3d.draw import draw_landmarks
from face_alignment_3d.export import write_png
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose import canonical_points
from face_alignment_3d.training.blendshapes.expression_model import load_expression_model
from face_alignment_3d.weights.store import resolve_weights

_WIDTH, _HEIGHT, _COLUMNS = 220, 290, 5
_SHOWN: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.8},
    {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    {"mouthSmileLeft": 1.0},
    {"eyeBlinkLeft": 1.0},
    {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0},
    {"browDownLeft": 1.0, "browDownRight": 1.0},
    {"mouthPucker": 1.0},
    {"mouthFunnel": 1.0, "jawOpen": 0.4},
    {"mouthLeft": 1.0},
)


def main() -> None:
    """Draws the mean face with each expression, and what is told from its points."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DATA")
    default = Path(__file__).parent / "images" / "blendshapes.png"
    parser.add_argument("file", nargs="?", type=Path, default=default)
    args = parser.parse_args()
    model = load_expression_model(args.data)
    regressor = load_blendshape_model(resolve_weights("blendshapes", offline=True)).regressor
    mixes = np.array([[shown.get(name, 0.0) for name in BLENDSHAPES] for shown in _SHOWN])
    points = canonical_points(model.faces(np.zeros((len(mixes), len(model.identity))), mixes))
    told = np.clip(regressor.predict(points), 0.0, 1.0)
    tiles = [_tile(shape, values) for shape, values in zip(points, told, strict=True)]
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    write_png(args.file, np.vstack(rows))


def _tile(points: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    landmarks = (95 * points + [_WIDTH / 2, 80, 0]).astype(np.float32)
    face = Face3D(landmarks, np.ones(66, np.float32), box_around(landmarks), None)
    picture = draw_landmarks(np.full((_HEIGHT, _WIDTH, 3), 44, np.uint8), [face])
    for line, best in enumerate(np.argsort(-values)[:3]):
        if values[best] >= 0.05:
            text, spot = f"{VISIBLE[best]} {values[best]:.2f}", (10, _HEIGHT - 52 + 17 * line)
            cv2.putText(picture, text, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
    return picture


if __name__ == "__main__":
    main()
