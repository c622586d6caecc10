"""The accuracy of head poses and canonical points, on photos turned by known angles.

    python benchmarks/pose.py --derived-data DERIVED [--dataset afw] [--weights lite] [--limit N]

``DERIVED`` is what ``face-alignment-3d train-data synthesize-views`` wrote. The views are those of AFW, which
nothing is trained on, unless ``--dataset`` says otherwise.
Each view is aligned in its given box. Prints, by |yaw|, the median errors of yaw, pitch and roll of the
landmarks found, and of the labels themselves, which shows what the fit of a mean face alone costs; the median
pitch, with its sign, by which the labels' poses differ from the known ones; and how far the canonical
points of two views of one face are apart, in percent of the inter-ocular distance.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d import Face3D, FaceAligner3D
from face_alignment_3d.crop import box_around
from face_alignment_3d.pose import angles_of, estimate_pose, rotation_by
from face_alignment_3d.training.data.datasets.novel_views import NovelViews, open_novel_views

_BINS = ((0, 30), (30, 60), (60, 85))
_ALL = (0, 91)

Floats = npt.NDArray[np.float64]


def known_angles(views: NovelViews) -> Floats:
    """(V, 3) yaw, pitch, roll in degrees."""
    return np.stack([views.yaw, views.pitch, views.roll], axis=1).astype(np.float64)


def angle_errors(found: Floats, known: Floats) -> Floats:
    """(V, 3) twice -> (V, 3) absolute differences, at most 180."""
    return np.abs((found - known + 180) % 360 - 180)


def disagreement(canonical: Floats, sources: list[str]) -> Floats:
    """(P,): for each pair of views of one photo, the mean distance of their canonical points, percent."""
    of_source: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        of_source.setdefault(source, []).append(index)
    pairs = [pair for group in of_source.values() for pair in combinations(group, 2)]
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    return np.asarray(100 * np.linalg.norm(canonical[first] - canonical[second], axis=-1).mean(axis=1))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--derived-data", type=Path, required=True, metavar="DERIVED")
    parser.add_argument("--dataset", default="afw", metavar="SET")
    parser.add_argument("--weights", default="lite")
    parser.add_argument("--limit", type=int, help="the first N views")
    args = parser.parse_args()
    views = open_novel_views(args.derived_data, args.dataset)
    chosen = range(len(views))[: args.limit]
    aligner = FaceAligner3D(args.weights)
    faces: list[Face3D] = []
    for index in chosen:
        faces += aligner.detect(views.image(index), boxes=[box_around(views.points[index])])
    known = known_angles(views)[: len(chosen)]
    poses = [estimate_pose(points) for points in views.points[: len(chosen)]]
    labelled = np.array([pose.angles for pose in poses])
    heads = [rotation_by(*angles).T @ pose.rotation for angles, pose in zip(known, poses, strict=True)]
    found = np.array([face.pose.angles for face in faces])
    print("|yaw|     views  found: yaw pitch roll  labels: yaw pitch roll  (median error, degrees)")
    for low, high in (*_BINS, _ALL):
        inside = (np.abs(known[:, 0]) >= low) & (np.abs(known[:, 0]) < high)
        numbers = [np.median(angle_errors(angles, known)[inside], axis=0) for angles in (found, labelled)]
        cells = "  ".join(f"{number:5.2f}" for number in np.concatenate(numbers))
        print(f"{low:2d} to {high:2d}  {inside.sum():5d}  {cells}")
    nodding = np.median([angles_of(head).pitch for head in heads])
    print(f"the labels' heads are pitched by {nodding:+.2f} degrees against the known ones")
    apart = disagreement(
        np.stack([face.points_canonical for face in faces]), list(views.sources[: len(chosen)])
    )
    print(
        f"canonical points of two views of a face: {apart.mean():.2f} % apart (median {np.median(apart):.2f})"
    )


if __name__ == "__main__":
    main()
