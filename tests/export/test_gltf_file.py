"""Somebody else's loaders find the head and its landmarks where and when they are."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from pygltflib import GLTF2
from scipy.spatial.transform import Rotation

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.export import write_gltf
from face_alignment_3d.face import Face3D
from face_alignment_3d.markup import NAMES
from face_alignment_3d.pose.perspective import millimeters_per_unit
from tests.export.known_faces import known_face, poseless_face

_SIZE = {"height": 480, "width": 640}


def _expected(face: Face3D) -> npt.NDArray[np.float64]:
    """The landmarks in the file's world, meters: from the image's middle, y up, z towards the viewer."""
    meters_per_pixel = millimeters_per_unit() / 1000 / face.pose.scale
    return (face.landmarks - [319.5, 239.5, 0]) * [1, -1, -1] * meters_per_pixel


def _values(content: GLTF2, accessor: int) -> npt.NDArray[np.float32]:
    entry = content.accessors[accessor]
    view = content.bufferViews[entry.bufferView]
    assert entry.componentType == 5126
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry.type]
    blob = content.binary_blob()
    return np.frombuffer(blob, "<f4", entry.count * width, view.byteOffset).reshape(entry.count, width)


def test_still_by_trimesh(tmp_path: Path) -> None:
    face = known_face()
    write_gltf(tmp_path / "x.glb", [face], **_SIZE)
    scene = trimesh.load(tmp_path / "x.glb")
    places = np.array([scene.graph.get(name)[0][:3, 3] for name in NAMES])
    np.testing.assert_allclose(places, _expected(face), atol=1e-6)
    assert set(scene.graph.nodes_geometry) == set(NAMES)
    head = scene.graph.get("head")[0]
    np.testing.assert_allclose(
        head[:3, :3], np.diag([1, -1, -1]) @ face.pose.rotation @ np.diag([1, -1, -1]), atol=1e-6
    )
    marker = next(iter(scene.geometry.values()))
    assert marker.is_watertight
    assert marker.volume > 0  # The faces look outwards.


def test_the_chin_is_below_the_nose_and_the_nose_in_front(tmp_path: Path) -> None:
    write_gltf(tmp_path / "x.glb", [known_face(0)], **_SIZE)
    graph = trimesh.load(tmp_path / "x.glb").graph
    chin, nose, ear = (graph.get(name)[0][:3, 3] for name in ("jaw_8", "nose_bridge_3", "jaw_0"))
    assert chin[1] < nose[1]
    assert nose[2] > ear[2]
    assert ear[0] < nose[0]  # The subject's right is on the image's left.


def test_motion_by_pygltflib(tmp_path: Path) -> None:
    frames = [known_face(yaw, seed=index) for index, yaw in enumerate((-30, 0, 45, 80))]
    write_gltf(tmp_path / "x.glb", frames, frames_per_second=10, **_SIZE)
    content = GLTF2().load(str(tmp_path / "x.glb"))
    assert content.asset.version == "2.0"
    assert [node.name for node in content.nodes] == ["head", *NAMES]
    (animation,) = content.animations
    tracks = {}
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        times = _values(content, sampler.input)[:, 0]
        np.testing.assert_allclose(times, [0, 0.1, 0.2, 0.3], atol=1e-6)
        assert (content.accessors[sampler.input].min, content.accessors[sampler.input].max) == (
            [0],
            [pytest.approx(0.3)],
        )
        tracks[channel.target.node, channel.target.path] = _values(content, sampler.output)
    assert set(tracks) == {(0, "rotation"), *((node, "translation") for node in range(67))}
    for index, face in enumerate(frames):
        turn = Rotation.from_quat(tracks[0, "rotation"][index]).as_matrix()
        places = [
            turn @ tracks[node, "translation"][index] + tracks[0, "translation"][index]
            for node in range(1, 67)
        ]
        np.testing.assert_allclose(places, _expected(face), atol=1e-6)


def test_rotations_take_the_short_way(tmp_path: Path) -> None:
    frames = [known_face(yaw) for yaw in (150, 170, -170, -150)]  # Through the back of the head.
    write_gltf(tmp_path / "x.glb", frames, **_SIZE)
    content = GLTF2().load(str(tmp_path / "x.glb"))
    animation = content.animations[0]
    (sampler,) = [c.sampler for c in animation.channels if c.target.path == "rotation"]
    quaternions = _values(content, animation.samplers[sampler].output)
    assert (np.sum(quaternions[1:] * quaternions[:-1], axis=1) > 0.9).all()


def test_time_stamps_of_a_video(tmp_path: Path) -> None:
    write_gltf(tmp_path / "x.glb", [known_face(yaw) for yaw in (0, 5, 9)], times=[0.5, 0.53, 2], **_SIZE)
    content = GLTF2().load(str(tmp_path / "x.glb"))
    (clock,) = {sampler.input for sampler in content.animations[0].samplers}
    np.testing.assert_allclose(_values(content, clock)[:, 0], [0, 0.03, 1.5], atol=1e-6)
    for wrong in ([0, 1], [0, 1, 1], [1, 0, 2], [0, 1, float("nan")], [0, 1e6, 1e6 + 0.01]):
        with pytest.raises(ValueError, match="times must be 3 seconds"):
            write_gltf(tmp_path / "y.glb", [known_face()] * 3, times=wrong, **_SIZE)
    assert not (tmp_path / "y.glb").exists()


def test_size_follows_the_eyes(tmp_path: Path) -> None:
    write_gltf(tmp_path / "x.glb", [known_face()], interpupillary_mm=126, **_SIZE)
    graph = trimesh.load(tmp_path / "x.glb").graph
    places = np.array([graph.get(name)[0][:3, 3] for name in NAMES])
    np.testing.assert_allclose(places, 2 * _expected(known_face()), atol=1e-6)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        write_gltf(tmp_path / "x.glb", [], **_SIZE)
    with pytest.raises(ValueError, match="frames_per_second"):
        write_gltf(tmp_path / "x.glb", [known_face()], frames_per_second=0, **_SIZE)
    with pytest.raises(LandmarksError):
        write_gltf(tmp_path / "x.glb", [poseless_face()], **_SIZE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("start", "rate"), [(20_000, 1000), (80_000, 240), (1.7e9, 30)])
def test_clocks_that_start_late(tmp_path: Path, start: float, rate: float) -> None:
    """In single precision, which the file has, such times would not rise."""
    times = start + np.arange(30) / rate
    write_gltf(tmp_path / "x.glb", [known_face(yaw) for yaw in range(30)], times=times.tolist(), **_SIZE)
    content = GLTF2().load(str(tmp_path / "x.glb"))
    (clock,) = {sampler.input for sampler in content.animations[0].samplers}
    np.testing.assert_allclose(_values(content, clock)[:, 0], np.arange(30) / rate, atol=1e-6)
    assert content.accessors[clock].min == [0]
