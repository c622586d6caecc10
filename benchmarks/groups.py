"""Whether some people fare worse: how far the weights are from MediaPipe, by age and by UTKFace's groups.

    python benchmarks/groups.py --data ../shared/data

UTKFace's file names say age and a group of descent, and nobody has placed points on its photos. So this is no
error: it is the mean distance over the 49 inner points between our x, y and MediaPipe's, after the constant
difference between the markups has been taken out, over the root of the face box's area. Where one group is
farther apart than another, at least one of the two networks does worse there. The photos were trained on,
with labels that both networks had a say in.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from circumstances import circumstances

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.markup import FROM_68, INNER
from face_alignment_3d.training.datasets.teachers import open_taught_faces
from face_alignment_3d.training.face_model import load_face_model
from face_alignment_3d.training.markup_offset import measure_offset

RESULTS = Path(__file__).resolve().parent / "results" / "groups.json"
AGES = (0, 4, 13, 20, 35, 50, 65, 120)
GROUPS = ("White", "Black", "Asian", "Indian", "others")  # UTKFace's words, in the order of its numbers.
MAX_YAW = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/ and models/")
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()

    faces = open_taught_faces(args.data)
    labelled = {}
    for index, name in enumerate(faces.names):
        words = Path(name).stem.split("_")
        if name.startswith("utkface/") and len(words) == 4 and abs(faces.yaw[index]) < MAX_YAW:
            labelled[index] = (int(words[0]), int(words[2]))
    indices = np.array(list(labelled))
    boxes = box_around(faces.tddfa[indices])
    aligner = FaceAligner3D(args.weights, device="cpu")
    chunks = np.array_split(np.arange(len(indices)), max(1, len(indices) // 64))
    points = []
    for chunk in chunks:
        images = [faces.image(i) for i in indices[chunk]]
        points += aligner.get_landmarks_batch(images, boxes=[boxes[i][None] for i in chunk])
    own = np.concatenate(points)
    mean_face = load_face_model(args.data).mean[FROM_68]
    offset = measure_offset(faces.mediapipe[indices], own, mean_face)
    apart = np.linalg.norm(offset.removed(faces.mediapipe[indices], own) - own[..., :2], axis=-1)
    size = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    percent = 100 * apart[:, INNER].mean(axis=1) / size

    ages, groups = np.array(list(labelled.values())).T
    rows = {
        f"age {low} to {high - 1}": (ages >= low) & (ages < high) for low, high in itertools.pairwise(AGES)
    }
    rows |= {name: groups == number for number, name in enumerate(GROUPS)}
    results = {}
    for name, chosen in rows.items():
        row = {"faces": int(chosen.sum()), "mean": float(percent[chosen].mean())}
        row["95th percentile"] = float(np.percentile(percent[chosen], 95))
        results[name] = {key: round(value, 3) for key, value in row.items()}
        spread = f"95 % below {row['95th percentile']:.2f} %"
        print(f"{name:>14}: {row['faces']:5d} faces, {row['mean']:.2f} %, {spread}")
    content = {**circumstances(args.weights), "percent of the face size": results}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.output}")


if __name__ == "__main__":
    main()
