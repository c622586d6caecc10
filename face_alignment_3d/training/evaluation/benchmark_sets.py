"""The published benchmarks: AFLW2000-3D and the test split of MERL-RAV. For evaluation only.

No training, prior, pseudo-label or markup offset may read their photos or labels.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.errors import DataError
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup import FROM_68, INNER, NUM_LANDMARKS
from face_alignment_3d.pose import estimate_pose
from face_alignment_3d.training.data.archives import read_arrays, require_files, require_shape
from face_alignment_3d.training.data.datasets.aflw2000 import open_aflw2000
from face_alignment_3d.training.evaluation.truth import (
    ANGLE_SIGNS,
    NOT_MARKED,
    VISIBLE,
    YAW_EDGES_3D,
    FurtherLabels,
    LabelledSet,
    truth_in_3d,
    truth_of_visible_points,
)

#: The set of Zhu et al. with 3D labels.
AFLW2000: Final = "aflw2000"
#: AFLW's faces of the official test split of Kumar et al., "LUVLi Face Alignment" (CVPR 2020).
MERL_RAV: Final = "merl-rav"
#: The file of the benchmarks' markup offset that `train-data` writes below its folder.
_FUSED_LABELS: Final = "fused_labels.npz"
_YAW_NAMES: Final = tuple(f"yaw {low:g}-{high:g}" for low, high in itertools.pairwise(YAW_EDGES_3D))
_MERL_GROUPS: Final = {
    "frontal": ("frontal",),
    "half profile": ("lefthalf", "righthalf"),
    "profile": ("left", "right"),
}
_FIXED_POINT: Final = 32.0

Floats = npt.NDArray[np.float64]


def open_aflw2000_labelled(data: Path, derived_data: Path | None) -> LabelledSet:
    """AFLW2000-3D, from ``data/aflw2000_dev.npz`` or, where there is none, a folder of .jpg and .mat files.

    The archive has the re-annotated points and MERL-RAV's as well. ``derived_data`` may have the markup
    offset. Raises :class:`DataError` for data that are missing or broken.
    """
    if (data / "aflw2000_dev.npz").is_file():
        return _aflw2000_archive(data, derived_data)
    photos = open_aflw2000(data)
    indices = range(len(photos))
    digest = _digest(
        (photos.names[i], photos.labels[i].read_bytes() + photos.photos[i].read_bytes()) for i in indices
    )
    points = np.stack([photos.points(i) for i in indices])
    angles = _with_yaw_of(points, np.stack([photos.pose(i) for i in indices]) * ANGLE_SIGNS)
    further = FurtherLabels(
        _YAW_NAMES, _yaw_group(angles[:, 1]), angles=angles, benchmark_offset=_benchmark_offset(derived_data)
    )
    truth = truth_in_3d(photos.names, points, angles[:, 1])
    return LabelledSet(AFLW2000, truth, photos.image, digest, further)


def open_merl_rav(data: Path) -> LabelledSet:
    """``data/aflw_dev.npz``: crops of AFLW's faces with MERL-RAV's points and states.

    The truth are the points that can be seen. The reference boxes lie around the points of 3DDFA_V2, as the
    hands marked no whole faces in profile. Faces without a visible inner point are left out. Raises
    :class:`DataError` for data that are missing or broken.
    """
    path, photos = data / "aflw_dev.npz", data / "aflw_dev"
    arrays = read_arrays(path, ["names", "yaw", "tddfa68_x32", "merl68_x32", "merl_state", "merl_group"])
    names = [str(name) for name in arrays["names"]]
    count = len(names)
    for key, shape in (
        ("yaw", (count,)),
        ("tddfa68_x32", (count, 68, 3)),
        ("merl68_x32", (count, 68, 2)),
        ("merl_state", (count, 68)),
    ):
        require_shape(path, key, arrays[key], shape)
    files = [f"{name}.webp" for name in names]
    require_files(photos, files, index=path)
    state, visible = _merl(arrays["merl68_x32"] / _FIXED_POINT, arrays["merl_state"])
    tddfa = arrays["tddfa68_x32"][:, FROM_68] / _FIXED_POINT
    tddfa[..., 2] -= tddfa[..., 2].mean(axis=1, keepdims=True)
    group = np.full(count, -1, dtype=np.int64)
    for index, of_set in enumerate(_MERL_GROUPS.values()):
        group[np.isin(arrays["merl_group"], of_set)] = index
    chosen = np.flatnonzero(np.isfinite(visible[:, INNER, 0]).sum(axis=1))
    if not chosen.size:
        raise DataError(f"expected visible points in {path}; got none: get the file again")
    digest = _digest((names[i], state[i].tobytes() + (photos / files[i]).read_bytes()) for i in range(count))
    further = FurtherLabels(
        tuple(_MERL_GROUPS), group, visible=visible, state=state, peers={"3DDFA_V2 mb05": tddfa}
    )
    truth = truth_of_visible_points(
        [names[i] for i in chosen], visible[chosen], arrays["yaw"][chosen], box_around(tddfa[chosen])
    )
    note = (
        "the reference boxes lie around 3DDFA_V2's points; MERL-RAV's points were brought into the crops "
        "by a scale and a shift that are not known exactly"
    )
    image = _reader(photos, [files[i] for i in chosen])
    return LabelledSet(MERL_RAV, truth, image, digest, further.subset(chosen), note)


def _aflw2000_archive(data: Path, derived_data: Path | None) -> LabelledSet:
    path, photos = data / "aflw2000_dev.npz", data / "aflw2000_dev"
    arrays = read_arrays(path, ["names", "points68", "reannotated68", "pose", "merl68", "merl_state"])
    names = [str(name) for name in arrays["names"]]
    count = len(names)
    for key, shape in (
        ("points68", (count, 68, 3)),
        ("reannotated68", (count, 68, 2)),
        ("pose", (count, 3)),
        ("merl_state", (count, 68)),
    ):
        require_shape(path, key, arrays[key], shape)
    files = [f"{name}.jpg" for name in names]
    require_files(photos, files, index=path)
    points = arrays["points68"][:, FROM_68].astype(np.float64)
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    state, visible = _merl(arrays["merl68"], arrays["merl_state"])
    # The archive has yaw, pitch, roll.
    angles = arrays["pose"].astype(np.float64)[:, [1, 0, 2]]
    further = FurtherLabels(
        _YAW_NAMES,
        _yaw_group(angles[:, 1]),
        reannotated=arrays["reannotated68"][:, FROM_68].astype(np.float64),
        angles=angles,
        visible=visible,
        state=state,
        benchmark_offset=_benchmark_offset(derived_data),
    )
    digest = _digest((names[i], points[i].tobytes() + (photos / files[i]).read_bytes()) for i in range(count))
    note = f"{count} of the set's 2,000 photos, and 66 of its 68 points; published numbers are of all"
    truth = truth_in_3d(names, points, angles[:, 1])
    return LabelledSet(AFLW2000, truth, _reader(photos, files), digest, further, note)


def _merl(
    points68: npt.NDArray[np.floating], state68: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], Floats]:
    """States (N, 66) and visible points (N, 66, 2), NaN elsewhere; unmarked faces have :data:`NOT_MARKED`."""
    state = state68[:, FROM_68].astype(np.int64)
    state[(state == 0).all(axis=1)] = NOT_MARKED
    visible = points68[:, FROM_68].astype(np.float64)
    visible[state != VISIBLE] = np.nan
    return state, visible


def _yaw_group(yaw: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    turned = np.abs(yaw)
    group = np.searchsorted(YAW_EDGES_3D[1:-1], turned, side="right")
    return np.where(turned <= YAW_EDGES_3D[-1], group, -1).astype(np.int64)


def _with_yaw_of(points: npt.NDArray[np.floating], angles: npt.NDArray[np.floating]) -> Floats:
    """Pitch, yaw, roll (N, 3) with the sign of yaw of the points: descriptions of that sign differ."""
    turned = np.array([estimate_pose(face).yaw for face in points])
    return angles.astype(np.float64) * (1.0, 1.0 if turned @ angles[:, 1] >= 0 else -1.0, 1.0)


def _benchmark_offset(derived_data: Path | None) -> Floats | None:
    """The offset that `train-data` measured on training faces; None where there is no such file or offset."""
    path = None if derived_data is None else derived_data / _FUSED_LABELS
    if path is None or not path.is_file():
        return None
    try:
        with np.load(path) as archive:
            if "benchmark_offset" not in archive.files:
                return None
    except (OSError, ValueError) as error:
        raise DataError(f"expected an .npz archive in {path}, got {error}; make it again") from error
    offset = read_arrays(path, ["benchmark_offset"])["benchmark_offset"]
    if offset.shape != (NUM_LANDMARKS, 3) or not np.isfinite(offset).all():
        raise DataError(
            f"expected a finite benchmark_offset of shape ({NUM_LANDMARKS}, 3) in {path}, got "
            f"{offset.shape}; make it again"
        )
    return offset.astype(np.float64)


def _reader(directory: Path, files: list[str]) -> Callable[[int], npt.NDArray[np.uint8]]:
    return lambda index: as_rgb(directory / files[index])


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(name.encode())
        digest.update(content)
    return digest.hexdigest()
