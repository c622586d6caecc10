"""Fused labels as a file, ``fused_labels.npz``, with digests of the photos that they belong to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.archives import Array, read_arrays, require_shape, write_arrays
from face_alignment_3d.training.data.datasets.face_sets import FaceSet
from face_alignment_3d.training.data.face_model import FaceModel
from face_alignment_3d.training.labels.evidence import Floats
from face_alignment_3d.training.labels.fusion import FusedSets
from face_alignment_3d.training.labels.label_composer import Fusion

FILE_NAME: Final = "fused_labels.npz"

_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "points": (66, 3),
    "weight_xy": (66,),
    "weight_z": (66,),
    "visible": (66,),
    "weight_visible": (66,),
    "yaw": (),
    "pitch": (),
    "residual": (),
}


@dataclass(frozen=True, eq=False)
class FusedLabels:
    """The labels of all sets that were fused together."""

    sets: Mapping[str, Fusion]
    files: Mapping[str, tuple[str, ...]]
    """Set -> names of the photo files, one for each face."""
    digests: Mapping[str, tuple[str, ...]]
    """Set -> digests of those files."""
    mean_face: Floats
    """(66, 3): the mean face in the labels' markup, frontal: x right, y down, z away, in face radii."""
    benchmark_offset: Floats
    """(66, 3): the face model's vertices, which AFLW2000-3D's labels mark, minus the labels' markup, in the
    frame and unit of ``mean_face``."""
    source: Mapping[str, Any]
    """The sources of the labels, ready for JSON."""

    def of(self, faces: FaceSet) -> Fusion:
        """The labels of a set, after checking that its photos are those of the labels.

        Raises :class:`DataError` where the set is not among them or a photo is another one.
        """
        name = faces.name
        if name not in self.sets:
            raise DataError(
                f"expected fused labels of {name}; there are those of {', '.join(self.sets)}: run "
                "`face-alignment-3d train-data fuse-labels` on this data folder"
            )
        files, digests = tuple(file.name for file in faces.files), faces.digests()
        known, known_digests = self.files[name], self.digests[name]
        if len(files) != len(known):
            raise DataError(
                f"expected the {len(known)} photos of {name} that the labels were fused for; got "
                f"{len(files)}: fuse the labels again on this data folder"
            )
        for file, digest, known_file, known_digest in zip(files, digests, known, known_digests, strict=True):
            if file != known_file or digest != known_digest:
                raise DataError(
                    f"expected the photo {known_file} of {name} that its label was fused for; got "
                    f"{'another' if file == known_file else file}: fuse the labels again on this data folder"
                )
        return self.sets[name]


def bind(
    fused: FusedSets,
    model: FaceModel,
    sets: Sequence[FaceSet],
    digests: Mapping[str, Sequence[str]],
    source: Mapping[str, Any],
) -> FusedLabels:
    """Labels with the digests and other facts that their file holds."""
    offset = np.pad(fused.offsets["ibug"][FROM_68], ((0, 0), (0, 1)))
    mean = ((model.mean - model.mean.mean(axis=0)) / model.radius())[FROM_68]
    return FusedLabels(
        fused.sets,
        {faces.name: tuple(file.name for file in faces.files) for faces in sets},
        {name: tuple(values) for name, values in digests.items()},
        mean + offset,
        -offset,
        source,
    )


def save_fused_labels(path: Path, labels: FusedLabels) -> None:
    """Writes ``labels`` to the .npz file ``path``, whole or not at all; its folder must be there."""
    arrays: dict[str, Array] = {
        "sets": np.array(list(labels.sets)),
        "mean_face": labels.mean_face,
        "benchmark_offset": labels.benchmark_offset,
        "source": np.array(json.dumps(labels.source)),
    }
    for name, fusion in labels.sets.items():
        arrays[f"{name}/files"] = np.array(labels.files[name])
        arrays[f"{name}/digests"] = np.array(labels.digests[name])
        arrays |= {f"{name}/{key}": getattr(fusion, key) for key in _SHAPES}
    write_arrays(path, arrays)


def load_fused_labels(derived_data: Path) -> FusedLabels:
    """Reads what :func:`save_fused_labels` wrote into the folder ``derived_data``.

    Raises :class:`DataError` when the file is missing or broken.
    """
    path = derived_data / FILE_NAME
    head = read_arrays(path, ["sets", "mean_face", "benchmark_offset", "source"])
    for key in ("mean_face", "benchmark_offset"):
        require_shape(path, key, head[key], (66, 3))
    names = [str(name) for name in head["sets"]]
    keys = [f"{name}/{key}" for name in names for key in ("files", "digests", *_SHAPES)]
    arrays = read_arrays(path, keys)
    sets = {}
    for name in names:
        count = len(arrays[f"{name}/files"])
        for key, shape in _SHAPES.items():
            require_shape(path, f"{name}/{key}", arrays[f"{name}/{key}"], (count, *shape))
        sets[name] = Fusion(*(arrays[f"{name}/{key}"].astype(np.float32) for key in _SHAPES))
    return FusedLabels(
        sets,
        {name: _texts(arrays[f"{name}/files"]) for name in names},
        {name: _texts(arrays[f"{name}/digests"]) for name in names},
        head["mean_face"].astype(np.float64),
        head["benchmark_offset"].astype(np.float64),
        json.loads(str(head["source"])),
    )


def _texts(array: npt.NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in array)
