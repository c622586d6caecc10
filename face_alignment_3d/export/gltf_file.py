"""One face, still or in motion, as glTF 2.0: a node for the head and one for each landmark."""

import io
import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import NAMES
from face_alignment_3d.pose.perspective import MEAN_INTERPUPILLARY_MM, millimeters_per_unit
from face_alignment_3d.pose.rotation import quaternion_of

_Float32 = npt.NDArray[np.float32]

# glTF has y up and z towards the viewer.
_AXES: Final = np.array([1.0, -1.0, -1.0])
#: The number of values that :func:`head_values` returns.
VALUES: Final = 7 + 3 * len(NAMES)
_FLOAT, _UINT16 = 5126, 5123
#: Half the size of the marker at each landmark, meters.
_MARKER: Final = 0.0008
_OCTAHEDRON: Final = np.vstack([np.eye(3), -np.eye(3)])
_OCTAHEDRON_FACES: Final = [
    (0, 1, 2),
    (1, 3, 2),
    (3, 4, 2),
    (4, 0, 2),
    (1, 0, 5),
    (3, 1, 5),
    (4, 3, 5),
    (0, 4, 5),
]


def write_gltf(
    path: str | os.PathLike[str],
    frames: Sequence[Face3D],
    *,
    height: int,
    width: int,
    frames_per_second: float = 30.0,
    times: Sequence[float] | None = None,
    interpupillary_mm: float = MEAN_INTERPUPILLARY_MM,
) -> None:
    """Writes one face, as it is in each of T >= 1 frames, to ``path`` as a binary glTF 2.0 file (.glb).

    The node ``head`` has the head's rotation and position; below it each landmark is a node with the name
    it has in :data:`face_alignment_3d.markup.NAMES`, at its canonical point: an expression moves these,
    turning the head does not. A small marker makes them visible. With two frames or more an animation
    moves all of them: at ``times`` (T,), in seconds from any origin and rising, or ``frames_per_second``. The
    animation begins at 0, which stands for the first time.

    Metres, y up, z towards the viewer; a head that faces the camera is not turned. There is no perspective:
    x and y of the head are measured from the middle of an image of ``height`` x ``width`` pixels, at the
    face's scale, and its z is 0 on the mean depth of its points. Metres follow from ``interpupillary_mm``.

    Whole or not at all. Raises ValueError without a frame, for wrong times and for times that do not rise in
    the file, which has them in single precision, :class:`LandmarksError` for a
    face without a pose, and OSError when the folder is missing or cannot be written to.
    """
    if not frames:
        raise ValueError("a glTF file must have at least one frame; got none")
    if not 0 < frames_per_second < float("inf"):
        raise ValueError(f"frames_per_second must be a positive number; got {frames_per_second}")
    clock = np.arange(len(frames)) / frames_per_second if times is None else np.asarray(times, np.float64)
    if clock.shape != (len(frames),) or not np.isfinite(clock).all():
        raise ValueError(f"times must be {len(frames)} seconds, each above the last; got {times}")
    clock = (clock - clock[0]).astype(np.float32)
    if not (np.diff(clock) > 0).all():
        raise ValueError(
            f"times must be {len(frames)} seconds, each above the last in single precision, counted from the "
            f"first; got {times}"
        )
    poses = [
        head_values(face, height=height, width=width, interpupillary_mm=interpupillary_mm) for face in frames
    ]
    content = io.BytesIO()
    write_glb(content, clock, np.array(poses))
    write_atomically(Path(path), content.getvalue())


def head_values(
    face: Face3D, *, height: int, width: int, interpupillary_mm: float = MEAN_INTERPUPILLARY_MM
) -> npt.NDArray[np.float64]:
    """(VALUES,): position and rotation (x, y, z, w) of the head, then the landmarks' places below it.

    Frame, units and errors are those of :func:`write_gltf`.
    """
    meters = millimeters_per_unit(interpupillary_mm) / 1000
    middle = np.array([(width - 1) / 2, (height - 1) / 2, 0.0])
    position = _AXES * (face.pose.translation - middle) * meters / face.pose.scale
    rotation = quaternion_of(_AXES[:, None] * face.pose.rotation * _AXES)
    points = face.points_canonical * _AXES * meters
    values = np.concatenate([position, rotation, points.ravel()])
    if not (np.abs(values) < np.finfo(np.float32).max).all():
        raise LandmarksError("landmarks must be near the image to be placed before it; skip this face")
    return values


def write_glb(handle: BinaryIO, times: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> None:
    """Writes :func:`head_values` (T, VALUES) at ``times`` (T,), in seconds, as a .glb.

    ``values`` may be a memory map: they are read and written a column of three or four at a time.
    """
    buffer = _Buffer()
    document = _still(buffer, values[0])
    if len(values) > 1:
        document["animations"] = [_animation(buffer, times, values)]
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    document["buffers"] = [{"byteLength": buffer.length}]
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    handle.write(struct.pack("<III", 0x46546C67, 2, 12 + 8 + len(text) + 8 + buffer.length))
    handle.write(struct.pack("<II", len(text), 0x4E4F534A) + text)
    handle.write(struct.pack("<II", buffer.length, 0x004E4942))
    for array, kind in buffer.arrays:
        content = np.ascontiguousarray(array, kind).tobytes()
        handle.write(content + bytes(-len(content) % 4))


class _Buffer:
    """The binary part of a .glb: its arrays, and the descriptions of their places in it."""

    def __init__(self) -> None:
        self.length = 0
        self.arrays: list[tuple[npt.NDArray[np.generic], str]] = []
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(
        self, values: npt.NDArray[np.generic], kind: str, component: int = _FLOAT, *, limits: bool = False
    ) -> int:
        """Appends (N,) or (N, C) values; returns the accessor's index."""
        item = "<f4" if component == _FLOAT else "<u2"
        length = values.size * np.dtype(item).itemsize
        self.views.append({"buffer": 0, "byteOffset": self.length, "byteLength": length})
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if limits:
            table = values.astype(item).reshape(len(values), -1)
            accessor |= {"min": table.min(axis=0).tolist(), "max": table.max(axis=0).tolist()}
        self.accessors.append(accessor)
        self.arrays.append((values, item))
        self.length += length + -length % 4
        return len(self.accessors) - 1


def _still(buffer: _Buffer, values: npt.NDArray[np.floating]) -> dict[str, Any]:
    """The scene in the first frame: node 0 is the head, node 1 + n is landmark n."""
    position, rotation, points = values[:3], values[3:7], values[7:].reshape(-1, 3)
    corners = buffer.add(_OCTAHEDRON * _MARKER, "VEC3", limits=True)
    faces = buffer.add(np.array(_OCTAHEDRON_FACES).ravel(), "SCALAR", _UINT16)
    head = {
        "name": "head",
        "translation": position.tolist(),
        "rotation": rotation.tolist(),
        "children": list(range(1, 1 + len(NAMES))),
    }
    landmarks = [
        {"name": name, "mesh": 0, "translation": point.tolist()}
        for name, point in zip(NAMES, points, strict=True)
    ]
    return {
        "asset": {"version": "2.0", "generator": "face-alignment-3d"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [head, *landmarks],
        "meshes": [
            {"name": "landmark", "primitives": [{"attributes": {"POSITION": corners}, "indices": faces}]}
        ],
    }


def _animation(
    buffer: _Buffer, times: npt.NDArray[np.floating], values: npt.NDArray[np.floating]
) -> dict[str, Any]:
    clock = buffer.add(times, "SCALAR", limits=True)
    moved = [(0, "translation", values[:, :3], "VEC3"), (0, "rotation", _continuous(values[:, 3:7]), "VEC4")]
    for node, first in enumerate(range(7, values.shape[1], 3), start=1):
        moved.append((node, "translation", values[:, first : first + 3], "VEC3"))
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    for node, path, column, kind in moved:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": clock, "output": buffer.add(column, kind), "interpolation": "LINEAR"})
    return {"name": "face", "samplers": samplers, "channels": channels}


def _continuous(quaternions: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """(T, 4) quaternions with signs chosen such that each is near the one before."""
    turned = np.sum(quaternions[1:] * quaternions[:-1], axis=1) < 0
    signs = np.cumprod(np.concatenate([[1.0], np.where(turned, -1.0, 1.0)]))
    return np.asarray(quaternions * signs[:, None])
