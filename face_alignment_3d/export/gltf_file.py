"""One face, still or in motion, as glTF 2.0: a node for the head and one for each landmark."""

import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import NAMES
from face_alignment_3d.pose.perspective import MEAN_INTERPUPILLARY_MM, millimetres_per_unit
from face_alignment_3d.pose.rotation import quaternion_of

_Float32 = npt.NDArray[np.float32]

# glTF has y up and z towards the viewer.
_AXES: Final = np.array([1.0, -1.0, -1.0])
_FLOAT, _UINT16 = 5126, 5123
#: Half the size of the marker at each landmark, metres.
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
    interpupillary_mm: float = MEAN_INTERPUPILLARY_MM,
) -> None:
    """Writes one face, as it is in each of T >= 1 frames, to ``path`` as a binary glTF 2.0 file (.glb).

    The node ``head`` has the head's rotation and position; below it each landmark is a node with the name
    it has in :data:`face_alignment_3d.markup.NAMES`, at its canonical point: an expression moves these,
    turning the head does not. A small marker makes them visible. With two frames or more an animation
    moves all of them.

    Metres, y up, z towards the viewer; a head that faces the camera is not turned. There is no perspective:
    x and y of the head are measured from the middle of an image of ``height`` x ``width`` pixels, at the
    face's scale, and its z is 0 on the mean depth of its points. Metres follow from ``interpupillary_mm``.

    Whole or not at all. Raises ValueError without a frame, :class:`LandmarksError` for a face without a pose,
    and OSError when the folder is missing or cannot be written to.
    """
    if not frames:
        raise ValueError("a glTF file must have at least one frame; got none")
    if not 0 < frames_per_second < float("inf"):
        raise ValueError(f"frames_per_second must be a positive number; got {frames_per_second}")
    metres = millimetres_per_unit(interpupillary_mm) / 1000
    middle = np.array([(width - 1) / 2, (height - 1) / 2, 0.0])
    positions = np.array([_AXES * (f.pose.translation - middle) * metres / f.pose.scale for f in frames])
    rotations = _continuous(
        np.array([quaternion_of(_AXES[:, None] * f.pose.rotation * _AXES) for f in frames])
    )
    points = np.array([f.points_canonical * _AXES * metres for f in frames])
    buffer = _Buffer()
    document = _still(buffer, positions[0], rotations[0], points[0])
    if len(frames) > 1:
        times = np.arange(len(frames)) / frames_per_second
        document["animations"] = [_animation(buffer, times, positions, rotations, points)]
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    document["buffers"] = [{"byteLength": len(buffer.content)}]
    write_atomically(Path(path), _glb(document, bytes(buffer.content)))


class _Buffer:
    """The binary part, and what says where in it each array is."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(
        self, values: npt.NDArray[np.generic], kind: str, component: int = _FLOAT, *, limits: bool = False
    ) -> int:
        """Appends (N,) or (N, C) values; returns the accessor's index."""
        array = np.ascontiguousarray(values, "<f4" if component == _FLOAT else "<u2")
        self.views.append({"buffer": 0, "byteOffset": len(self.content), "byteLength": array.nbytes})
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": component,
            "count": len(array),
            "type": kind,
        }
        if limits:
            table = array.reshape(len(array), -1)
            accessor |= {"min": table.min(axis=0).tolist(), "max": table.max(axis=0).tolist()}
        self.accessors.append(accessor)
        self.content += array.tobytes()
        self.content += bytes(-len(self.content) % 4)
        return len(self.accessors) - 1


def _still(
    buffer: _Buffer,
    position: npt.NDArray[np.float64],
    rotation: npt.NDArray[np.float64],
    points: npt.NDArray[np.float64],
) -> dict[str, Any]:
    """The scene in the first frame: node 0 is the head, node 1 + n is landmark n."""
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
    buffer: _Buffer,
    times: npt.NDArray[np.float64],
    positions: npt.NDArray[np.float64],
    rotations: npt.NDArray[np.float64],
    points: npt.NDArray[np.float64],
) -> dict[str, Any]:
    clock = buffer.add(times, "SCALAR", limits=True)
    moved = [(0, "translation", positions, "VEC3"), (0, "rotation", rotations, "VEC4")]
    moved += [(1 + n, "translation", points[:, n], "VEC3") for n in range(points.shape[1])]
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    for node, path, values, kind in moved:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": clock, "output": buffer.add(values, kind), "interpolation": "LINEAR"})
    return {"name": "face", "samplers": samplers, "channels": channels}


def _continuous(quaternions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(T, 4) with signs chosen so that each is the nearer of its two forms to the one before."""
    turned = np.sum(quaternions[1:] * quaternions[:-1], axis=1) < 0
    signs = np.cumprod(np.concatenate([[1.0], np.where(turned, -1.0, 1.0)]))
    return quaternions * signs[:, None]


def _glb(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks
