"""Brings MediaPipe's mesh to the 66-point markup: the nearest vertices, and the scale of z.

    python benchmarks/fit_mediapipe_markup.py --data ../shared/data

Uses one in four of the HELEN and LFPW training photos that training does not hold out, never the validation
photos. Prints, for ``benchmarks/peers/mediapipe_faces.py``, which vertex is nearest to each of the 68
hand-made points, and the factor that brings z nearest to the fitted face model's, with the errors that are
left.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from peers.mediapipe_faces import VERTICES_66, VERTICES_68, Z_SCALE, MediaPipe, installed

from face_alignment_3d.crop import box_around
from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED, open_hand_labelled
from face_alignment_3d.training.data.face_model import load_face_model
from face_alignment_3d.training.evaluation import metrics
from face_alignment_3d.training.evaluation.evaluate import best_overlap
from face_alignment_3d.training.labels.fusion import fuse
from face_alignment_3d.training.recipes.config import LITE

CHUNK = 32
EVERY = 4
OUTER_EYE_CORNERS_68 = (36, 45)

Floats = npt.NDArray[np.floating]


def meshes_and_labels(data: Path, mediapipe: MediaPipe) -> tuple[Floats, Floats, Floats]:
    """(F, 478, 3), hand-made points (F, 68, 2), labels (F, 66, 3) of the faces that MediaPipe finds."""
    sets = [open_hand_labelled(data, name) for name in HAND_LABELLED]
    labels = fuse(sets, {}, load_face_model(data), rounds=2).sets
    photos = [(faces, index) for faces in sets for index in range(len(faces))]
    # Another remainder than the held-out photos', so that none of those is among them.
    used = [photo for i, photo in enumerate(photos) if i % EVERY == 1 and i % LITE.holdout_every]
    pairs = []
    for start in range(0, len(used), CHUNK):
        chunk = used[start : start + CHUNK]
        meshes = mediapipe.meshes([photos.image(index) for photos, index in chunk])
        for (faces68, index), faces in zip(chunk, meshes, strict=True):
            assert faces68.ibug68 is not None
            points = faces68.ibug68[index]
            best = best_overlap(box_around(faces), box_around(points)) if len(faces) else None
            if best is not None:
                pairs.append((faces[best], points, labels[faces68.name].points[index]))
    print(f"{len(pairs)} of {len(used)} faces")
    found, points68, labels3d = zip(*pairs, strict=True)
    return np.stack(found).astype(np.float64), np.stack(points68), np.stack(labels3d).astype(np.float64)


def fit_vertices(meshes: Floats, points68: Floats) -> None:
    """Prints the nearest vertices, and what they and those in use are off by."""
    right, left = OUTER_EYE_CORNERS_68
    sizes = np.linalg.norm(points68[:, right] - points68[:, left], axis=-1)
    means = np.stack(
        [
            (100 * np.linalg.norm(meshes[..., :2] - points68[:, [p]], axis=-1) / sizes[:, None]).mean(axis=0)
            for p in range(68)
        ]
    )
    nearest = means.argmin(axis=1)
    print(", ".join(map(str, nearest)))
    for label, vertices in (("nearest", nearest), ("in use", np.array(VERTICES_68))):
        errors = means[np.arange(68), vertices]
        inner, jaw = errors[17:].mean(), errors[:17].mean()
        print(f"{label}: inner {inner:.2f} %, jaw {jaw:.2f} % of the eye distance")


def fit_depth(meshes: Floats, labels: Floats) -> None:
    """Prints the best factor for z, and the errors of z with several."""
    faces = meshes[:, VERTICES_66]
    z = faces[..., 2] - faces[..., 2].mean(axis=1, keepdims=True)
    best = float((z * labels[..., 2]).sum() / np.square(z).sum())
    for label, factor in (("as it is", 1.0), ("best factor", best), ("in use", Z_SCALE)):
        error = metrics.gte(np.dstack([faces[..., :2], factor * z]), labels, axes="z").mean()
        print(f"z, {label}, {factor:.2f}: GTE z {error:.2f} % over {len(faces)} faces")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/ and models/")
    parser.add_argument("--python", default=sys.executable, help="to make MediaPipe's environment with")
    args = parser.parse_args()

    with MediaPipe(command=installed(args.python)) as mediapipe:
        meshes, points68, labels = meshes_and_labels(args.data, mediapipe)
    fit_vertices(meshes, points68)
    fit_depth(meshes, labels)


if __name__ == "__main__":
    main()
