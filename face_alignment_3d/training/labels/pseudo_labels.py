"""Pseudo-labels: what an ensemble of trained networks says of the faces that only teachers have labelled.

Every network looks at every face in several views. The looks are kept on disk in parts, so that a run which
was stopped goes on where it was; when all are there, :mod:`face_alignment_3d.training.labels.agreement` joins
them with the teachers' points into labels with weights.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.archives import read_arrays, require_shape, write_arrays
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
from face_alignment_3d.training.data.teacher_labelled_photos import read_shrunk, select
from face_alignment_3d.training.labels.agreement import (
    FusedLabels,
    TeacherOffsets,
    fuse_labels,
    measure_offsets,
)
from face_alignment_3d.training.labels.labels import Floats
from face_alignment_3d.training.labels.views import CropView, predict_view
from face_alignment_3d.version import __version__

#: Photos are shrunk to faces of this size before they are cropped, as in training, pixels.
FACE_SIZE: Final = 150
#: Faces in a part: a quarter of a minute's work on two cores.
_PART: Final = 256


@dataclass(frozen=True, eq=False)
class Network:
    """One member of the ensemble."""

    name: str
    sha256: str
    """Of its weight file."""
    cascade: Cascade


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Labels of N faces, how they came about, and what made them."""

    names: tuple[str, ...]
    yaw: Floats
    """(N,) degrees, the teachers'."""
    fused_labels: FusedLabels
    offsets: TeacherOffsets | None
    """How the teachers' markups differ from the own one; None with too few faces to measure it on."""
    source: Mapping[str, Any]
    """Weights, views and faces, ready for JSON."""


def describe_source(
    networks: Sequence[Network], views: Sequence[CropView], faces: TeacherLabelledFaces
) -> dict[str, Any]:
    """What decides the looks: weights, views and teachers' points. Ready for JSON.

    The photos themselves are not read for it: whoever changes those makes the labels anew.
    """
    digest = hashlib.sha256("\n".join(faces.names).encode())
    for array in (faces.tddfa, faces.mediapipe, faces.yaw, faces.disagreement):
        digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "version": __version__,
        "weights": [{"name": network.name, "sha256": network.sha256} for network in networks],
        "views": [asdict(view) for view in views],
        "faces": len(faces.names),
        "faces_sha256": digest.hexdigest(),
        "face_size": FACE_SIZE,
    }


def make_pseudo_labels(
    faces: TeacherLabelledFaces,
    networks: Sequence[Network],
    views: Sequence[CropView],
    mean_face: npt.NDArray[np.floating],
    parts: Path,
    *,
    progress: Callable[[int], object] = lambda faces: None,
) -> PseudoLabels:
    """Looks at ``faces`` with every network in every view and judges what they say.

    The looks are kept below the folder ``parts``, under a name that only the same networks, views and faces
    have; with those, the same call resumes a run that was stopped. :func:`remove_parts` deletes them once
    the labels are saved. ``mean_face`` (66, 3) is a frontal face in any unit. ``progress`` is told of the
    number of faces done since it was last called. Raises :class:`DataError` without networks or faces.
    """
    if not networks or not faces.names:
        raise DataError(
            f"expected at least one network and one face; got {len(networks)} networks and "
            f"{len(faces.names)} faces: give --weights, and a data folder with faces"
        )
    source = describe_source(networks, views, faces)
    folder = _folder(parts, source)
    folder.mkdir(parents=True, exist_ok=True)
    looks = []
    for start in range(0, len(faces.names), _PART):
        here = select(faces, range(start, min(start + _PART, len(faces.names))))
        part = folder / f"{start:06d}.npz"
        shape = (len(networks) * len(views), len(here.names), 66, 3)
        found = _stored(part, shape)
        if found is None:
            found = _looks(here, networks, views)
            write_arrays(part, {"looks": found})
        looks.append(found)
        progress(len(here.names))
    together = np.concatenate(looks, axis=1)
    offsets = measure_offsets(together, faces, mean_face)
    return PseudoLabels(
        faces.names, faces.yaw, fuse_labels(together, faces, offsets=offsets), offsets, source
    )


def remove_parts(parts: Path, source: Mapping[str, Any]) -> None:
    """Deletes the looks that :func:`make_pseudo_labels` kept below ``parts`` for ``source``."""
    shutil.rmtree(_folder(parts, source), ignore_errors=True)
    if parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()


def save_pseudo_labels(path: Path, made: PseudoLabels) -> None:
    """Writes the labels, the fused_labels and the source as .npz, whole or not at all.

    :func:`face_alignment_3d.training.labels.labels.load_labels` reads the labels of it.
    """
    fused_labels = made.fused_labels
    write_arrays(
        path,
        {
            "names": np.array(made.names),
            **fused_labels.labels._asdict(),
            "own": fused_labels.own,
            "label_source": fused_labels.label_source,
            "spread": fused_labels.spread,
            "from_tddfa": fused_labels.from_tddfa,
            "from_mediapipe": fused_labels.from_mediapipe,
            "yaw": made.yaw,
            "source": np.array(json.dumps(made.source)),
        },
    )


def is_made(path: Path, source: Mapping[str, Any]) -> bool:
    """Whether ``path`` holds pseudo-labels that were made of just ``source``."""
    try:
        found = json.loads(str(read_arrays(path, ["source"])["source"]))
    except (DataError, ValueError):
        return False
    return bool(found == json.loads(json.dumps(source)))


def _looks(faces: TeacherLabelledFaces, networks: Sequence[Network], views: Sequence[CropView]) -> Floats:
    """(networks * views, N, 66, 3) in the teachers' pixels."""
    images, scales = read_shrunk(faces, face_size=FACE_SIZE)
    return np.stack(
        [
            predict_view(network.cascade, view, faces.tddfa, images, scales)
            for network in networks
            for view in views
        ]
    )


def _stored(part: Path, shape: tuple[int, ...]) -> Floats | None:
    """The looks of a part that an earlier run has made; None when it must be made, for it is broken too."""
    if not part.exists():
        return None
    try:
        looks: Floats = read_arrays(part, ["looks"])["looks"]
        require_shape(part, "looks", looks, shape)
    except DataError:
        return None
    return looks


def _folder(parts: Path, source: Mapping[str, Any]) -> Path:
    text = json.dumps(source, sort_keys=True)
    return parts / hashlib.sha256(text.encode()).hexdigest()[:16]
