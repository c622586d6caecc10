"""The tables of a batch: their columns, and the conversion of faces to rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.export.record import blendshape_row, pose_of
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import MARKUP_NAME, NAMES, NUM_LANDMARKS
from face_alignment_3d.version import __version__

#: Name and version of the tables' layout; the version changes when a reader would have to.
BATCH_SCHEMA: Final = "face-alignment-3d/batch/1"


def _floats(count: int | None = None) -> pa.DataType:
    """Lists of ``count`` floats; of any number where one may be null: older pyarrow cannot write others."""
    element = pa.field("element", pa.float32())  # As Parquet calls it, and gives it back.
    return pa.list_(element) if count is None else pa.list_(element, count)


#: Columns about the run, in every row of the faces, so that tables of several runs can be put together.
_PROVENANCE: Final = [
    pa.field("weights_sha256", pa.string(), nullable=False),
    pa.field("library_version", pa.string(), nullable=False),
]

_FACE: Final = [
    pa.field("face", pa.int32(), nullable=False),
    pa.field("box", _floats(4), nullable=False),
    pa.field("score", pa.float32()),
    pa.field("certainty", pa.float32(), nullable=False),
    pa.field("landmarks", _floats(3 * NUM_LANDMARKS), nullable=False),
    pa.field("confidence", _floats(NUM_LANDMARKS), nullable=False),
    pa.field("visibility", _floats()),
    pa.field("yaw", pa.float32()),
    pa.field("pitch", pa.float32()),
    pa.field("roll", pa.float32()),
    pa.field("quaternion", _floats()),
    pa.field("scale", pa.float32()),
    pa.field("translation", _floats()),
    pa.field("blendshapes", _floats()),
]

_METADATA: Final[Mapping[str, str]] = {
    "schema": BATCH_SCHEMA,
    "markup": MARKUP_NAME,
    "points": ",".join(NAMES),
    "blendshapes": ",".join(BLENDSHAPES),
    "coordinates": "pixels of the upright image; (0, 0) is the center of the top-left pixel; x right, y "
    "down, z away from the camera in the same unit, with zero mean over the points of a face",
}

#: A row for each face: see docs/scale.md.
FACES: Final = pa.schema(
    [pa.field("image", pa.string(), nullable=False), *_FACE, *_PROVENANCE], metadata=_METADATA
)

#: A row for each image that could be read, with or without faces.
IMAGES: Final = pa.schema(
    [
        pa.field("image", pa.string(), nullable=False),
        pa.field("frame", pa.int64()),
        pa.field("time", pa.float64()),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("faces", pa.int32(), nullable=False),
    ],
    metadata={"schema": BATCH_SCHEMA},
)

#: A row for each image that failed, or video that breaks off.
FAILURES: Final = pa.schema(
    [
        pa.field("image", pa.string(), nullable=False),
        pa.field("error", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ],
    metadata={"schema": BATCH_SCHEMA},
)

#: Name of the table, and of its folder -> its columns.
TABLES: Final[Mapping[str, pa.Schema]] = {"faces": FACES, "images": IMAGES, "failures": FAILURES}

#: A face without the columns that are the same for all faces of a run; the element of a list of faces.
FACE_STRUCT: Final = pa.struct(_FACE)


@dataclass(frozen=True)
class Provenance:
    """The origin of faces, which every row names."""

    weights_sha256: str
    library_version: str = __version__


def face_row(face: Face3D, index: int) -> dict[str, Any]:
    """Column -> value of :data:`FACE_STRUCT` for the ``index``-th face of an image."""
    pose = pose_of(face)
    row: dict[str, Any] = {
        "face": index,
        "box": np.asarray(face.box, np.float32),
        "score": face.score,
        "certainty": face.certainty,
        "landmarks": np.asarray(face.landmarks, np.float32).reshape(-1),
        "confidence": np.asarray(face.confidence, np.float32),
        "visibility": None if face.visibility is None else np.asarray(face.visibility, np.float32),
        "blendshapes": None if face.blendshapes is None else blendshape_row(face),
    }
    if pose is None:
        return row | dict.fromkeys(("yaw", "pitch", "roll", "quaternion", "scale", "translation"))
    return row | {
        **pose.angles._asdict(),
        "quaternion": pose.quaternion.astype(np.float32),
        "scale": pose.scale,
        "translation": pose.translation.astype(np.float32),
    }


def face_rows(image: str, faces: Sequence[Face3D], provenance: Provenance) -> list[dict[str, Any]]:
    """The rows of :data:`FACES` for the faces of an image."""
    same = {"weights_sha256": provenance.weights_sha256, "library_version": provenance.library_version}
    return [{"image": image, **face_row(face, index), **same} for index, face in enumerate(faces)]


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table."""
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)
