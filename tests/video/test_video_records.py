"""The files with the faces of a video, read by others' parsers, and what is left of unfinished files."""

import errno
import json

import numpy as np
import pandas as pd
import pytest
import trimesh
from pygltflib import GLTF2

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.cli.result_files import VIDEO_FORMATS
from face_alignment_3d.export.gltf_file import write_gltf
from face_alignment_3d.markup import NAMES
from face_alignment_3d.markup68 import to_68
from face_alignment_3d.pose import Camera
from face_alignment_3d.video.records import RECORDS, RecordedVideo
from tests.video.tracked_faces import Smiling, poseless, tracked

VIDEO = RecordedVideo("clip.mp4", height=480, width=640, rate=25.0)
TIMES = (0.0, 0.04, 0.1, 0.5)


#: Face 0 goes, face 1 stays, face 2 has no pose; nobody is in the third frame.
FRAMES = (
    [tracked(0, -40), tracked(1, 0)],
    [tracked(0, -30), tracked(1, 10), poseless(2)],
    [],
    [tracked(1, 30)],
)


def write(kind, path, *, video=VIDEO, frames=FRAMES, times=TIMES):
    record = RECORDS[kind](path, video)
    for index, (time, faces) in enumerate(zip(times, frames, strict=True)):
        record.add(index, time, faces)
    return record.finish(complete=True)


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_command_line_has_them_all():
    assert set(VIDEO_FORMATS) == set(RECORDS)
    assert len({record.ENDING for record in RECORDS.values()}) == len(RECORDS)


def test_openface(tmp_path):
    assert write("openface", tmp_path / "a.openface.csv") == [tmp_path / "a.openface.csv"]
    table = pd.read_csv(tmp_path / "a.openface.csv")
    assert table["frame"].tolist() == [1, 1, 2, 2, 2, 4]
    assert table["face_id"].tolist() == [0, 1, 0, 1, 2, 1]
    assert table["timestamp"].tolist() == [0, 0, 0.04, 0.04, 0.04, 0.5]
    assert table["success"].tolist() == [1, 1, 1, 1, 0, 1]
    face = FRAMES[3][0]
    assert table["x_64"].iloc[5] == pytest.approx(to_68(face.landmarks)[64, 0], abs=1e-2)
    distance = face.perspective_pose(Camera.assumed(height=480, width=640)).translation[2]
    assert table["pose_Tz"].iloc[5] == pytest.approx(distance, rel=1e-5)


def test_live_link(tmp_path):
    written = write("livelink", tmp_path / "my.clip.livelink.csv")
    main, other = tmp_path / "my.clip.livelink.csv", tmp_path / "my.clip.track0.livelink.csv"
    assert written == [main, other]  # Face 1 is in more frames; face 2 never has a pose.
    assert names(tmp_path) == {main.name, other.name}
    table = pd.read_csv(main)
    assert table["Timecode"].tolist() == ["00:00:00:00.000", "00:00:00:01.000", "00:00:00:12.500"]
    assert len(table.columns) == 63
    expected = [frame[-1].pose.yaw / 180 for frame in (FRAMES[0], FRAMES[1][:2], FRAMES[3])]
    np.testing.assert_allclose(table["HeadYaw"], expected, atol=1e-6)
    assert expected[2] == pytest.approx(30 / 180, abs=1e-3)
    assert pd.read_csv(other)["HeadYaw"].tolist() == pytest.approx([-40 / 180, -30 / 180], abs=1e-3)


def _values(content, accessor):
    entry = content.accessors[accessor]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry.type]
    offset = content.bufferViews[entry.bufferView].byteOffset
    return np.frombuffer(content.binary_blob(), "<f4", entry.count * width, offset).reshape(-1, width)


def test_gltf(tmp_path):
    assert write("gltf", tmp_path / "a.glb") == [tmp_path / "a.glb", tmp_path / "a.track0.glb"]
    assert names(tmp_path) == {"a.glb", "a.track0.glb"}
    content = GLTF2().load(str(tmp_path / "a.glb"))
    (animation,) = content.animations
    clock = _values(content, animation.samplers[0].input)[:, 0]
    np.testing.assert_allclose(clock, [0, 0.04, 0.5], atol=1e-6)
    # The same as of a caller who has all frames at once.
    seen = [FRAMES[0][1], FRAMES[1][1], FRAMES[3][0]]
    write_gltf(tmp_path / "whole.glb", seen, height=480, width=640, times=[0, 0.04, 0.5])
    whole = GLTF2().load(str(tmp_path / "whole.glb"))
    assert [node.name for node in content.nodes] == ["head", *NAMES]
    for index in range(len(whole.accessors)):
        if whole.accessors[index].componentType == 5126:
            np.testing.assert_allclose(_values(content, index), _values(whole, index), atol=1e-6)
    scene = trimesh.load(tmp_path / "a.track0.glb")
    assert set(scene.graph.nodes_geometry) == set(NAMES)


def test_of_equals_the_larger_face_is_the_main_one(tmp_path):
    frames = [[tracked(4, 0, size=50), tracked(7, 20, size=90)]] * 2
    write("livelink", tmp_path / "a.livelink.csv", frames=frames, times=(0, 1))
    assert names(tmp_path) == {"a.livelink.csv", "a.track4.livelink.csv"}
    assert (pd.read_csv(tmp_path / "a.livelink.csv")["HeadYaw"] > 0.1).all()


def test_videos_that_begin_before_zero(tmp_path):
    for kind in ("livelink", "gltf"):
        write(kind, tmp_path / f"a{RECORDS[kind].ENDING}", times=(-0.04, 0.0, 0.04, 0.08))
    assert pd.read_csv(tmp_path / "a.livelink.csv")["Timecode"].tolist() == [
        *("00:00:00:00.000", "00:00:00:01.000", "00:00:00:03.000"),
    ]
    content = GLTF2().load(str(tmp_path / "a.glb"))
    clock = _values(content, content.animations[0].samplers[0].input)[:, 0]
    np.testing.assert_allclose(clock, [0, 0.04, 0.12], atol=1e-6)


def test_arrays_in_the_markup_of_68(tmp_path):
    video = RecordedVideo("clip.mp4", height=480, width=640, markup="68")
    write("npz", tmp_path / "a.npz", video=video)
    with np.load(tmp_path / "a.npz") as arrays:
        assert str(arrays["markup"]) == "68"
        assert arrays["landmarks"].shape == (6, 68, 3)
        np.testing.assert_allclose(arrays["landmarks"][0], to_68(FRAMES[0][0].landmarks), atol=1e-3)


SMILES = [[tracked(0, 9, estimator=Smiling()), tracked(1, 0)], [], [tracked(0, 45, estimator=Smiling())]]


def test_blendshapes_in_tables(tmp_path):
    video = RecordedVideo("clip.mp4", height=480, width=640, blendshapes=True)
    write("csv", tmp_path / "a.csv", video=video, frames=SMILES, times=TIMES[:3])
    write("csv", tmp_path / "plain.csv", frames=SMILES, times=TIMES[:3])
    table, plain = pd.read_csv(tmp_path / "a.csv"), pd.read_csv(tmp_path / "plain.csv")
    assert list(table.columns) == [*plain.columns, *BLENDSHAPES]
    np.testing.assert_allclose(table["mouthSmileLeft"], [0.1, np.nan, 0.5], atol=1e-3)
    assert table["jawOpen"].isna().all()
    write("livelink", tmp_path / "a.livelink.csv", video=video, frames=SMILES, times=TIMES[:3])
    table = pd.read_csv(tmp_path / "a.livelink.csv")
    np.testing.assert_allclose(table["MouthSmileLeft"], [0.1, 0.5], atol=1e-3)
    assert (table["JawOpen"] == 0).all()


def test_blendshapes_in_json_and_arrays(tmp_path):
    write("json", tmp_path / "a.json", frames=SMILES, times=TIMES[:3])
    frames = json.loads((tmp_path / "a.json").read_text())["frames"]
    values = [face["blendshapes"] for frame in frames for face in frame["faces"]]
    assert values[0]["mouthSmileLeft"] == pytest.approx(0.1, abs=1e-3)
    assert values[0]["jawOpen"] is None
    assert values[1] is None
    write("npz", tmp_path / "a.npz", frames=SMILES, times=TIMES[:3])
    with np.load(tmp_path / "a.npz") as arrays:
        smiles = arrays["blendshapes"][:, arrays["blendshape_names"].tolist().index("mouthSmileLeft")]
    np.testing.assert_allclose(smiles, [0.1, np.nan, 0.5], atol=1e-3)


@pytest.mark.parametrize("kind", ["livelink", "gltf"])
def test_without_a_face_there_is_no_file(tmp_path, kind):
    assert write(kind, tmp_path / f"a{RECORDS[kind].ENDING}", frames=[[]] * 4) == []
    assert names(tmp_path) == set()


@pytest.mark.parametrize("kind", VIDEO_FORMATS)
def test_what_is_not_finished_is_not_there(tmp_path, kind):
    target = tmp_path / f"a{RECORDS[kind].ENDING}"
    target.write_text("what was there")
    record = RECORDS[kind](target, VIDEO)
    record.add(0, 0.0, FRAMES[0])
    record.discard()
    assert names(tmp_path) == {target.name}
    assert target.read_text() == "what was there"


@pytest.mark.parametrize("kind", VIDEO_FORMATS)
def test_a_full_disk_leaves_no_part(tmp_path, monkeypatch, kind):
    """The disk fills up when the files are put in their places."""
    target = tmp_path / f"a{RECORDS[kind].ENDING}"
    record = RECORDS[kind](target, VIDEO)
    record.add(0, 0.0, FRAMES[0])

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        record.finish(complete=True)
    record.discard()
    assert names(tmp_path) == set()


@pytest.mark.parametrize("kind", VIDEO_FORMATS)
def test_a_missing_folder_is_noticed_at_once(tmp_path, kind):
    with pytest.raises(FileNotFoundError):
        RECORDS[kind](tmp_path / "nowhere" / f"a{RECORDS[kind].ENDING}", VIDEO)
