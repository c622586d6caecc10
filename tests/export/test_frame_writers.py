"""The files with the faces of a video, read by others' parsers, and what is left of unfinished files."""

import errno
import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import trimesh
from pygltflib import GLTF2

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.cli.result_files import VIDEO_FORMATS
from face_alignment_3d.export import FRAME_WRITERS, FrameFaces, VideoInfo, write_gltf
from face_alignment_3d.markup import NAMES
from face_alignment_3d.markup68 import to_68
from face_alignment_3d.pose import Camera
from tests.export.tracked_faces import Smiling, poseless, tracked

VIDEO = VideoInfo("clip.mp4", height=480, width=640, rate=25.0)
TIMES = (0.0, 0.04, 0.1, 0.5)


#: Face 0 goes, face 1 stays, face 2 has no pose; nobody is in the third frame.
FRAMES = (
    [tracked(0, -40), tracked(1, 0)],
    [tracked(0, -30), tracked(1, 10), poseless(2)],
    [],
    [tracked(1, 30)],
)


def write(kind, path, *, video=VIDEO, frames=FRAMES, times=TIMES):
    writer = FRAME_WRITERS[kind](path, replace(video, start=times[0]))
    for index, (time, faces) in enumerate(zip(times, frames, strict=True)):
        writer.add(frame(faces, index, time))
    return writer.finish(complete=True)


def frame(faces, index=0, time=0.0, height=480, width=640):
    return FrameFaces(index, time, height, width, faces)


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_command_line_has_them_all():
    assert set(VIDEO_FORMATS) == set(FRAME_WRITERS)
    assert len({writer.ENDING for writer in FRAME_WRITERS.values()}) == len(FRAME_WRITERS)


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


@pytest.mark.parametrize("start", [-0.04, 0.5, 80_000.0, 1.7e9])
def test_what_begins_at_zero_begins_at_zero(tmp_path, start):
    for kind in ("livelink", "gltf", "openface"):
        times = [start + seconds for seconds in (0.0, 0.04, 0.08, 0.12)]
        write(kind, tmp_path / f"a{FRAME_WRITERS[kind].ENDING}", times=times)
    assert pd.read_csv(tmp_path / "a.openface.csv")["timestamp"].iloc[[0, -1]].tolist() == [0, 0.12]
    assert pd.read_csv(tmp_path / "a.livelink.csv")["Timecode"].tolist() == [
        *("00:00:00:00.000", "00:00:00:01.000", "00:00:00:03.000"),
    ]
    content = GLTF2().load(str(tmp_path / "a.glb"))
    clock = _values(content, content.animations[0].samplers[0].input)[:, 0]
    np.testing.assert_allclose(clock, [0, 0.04, 0.12], atol=1e-6)


def test_arrays_in_the_markup_of_68(tmp_path):
    video = VideoInfo("clip.mp4", height=480, width=640, markup="68")
    write("npz", tmp_path / "a.npz", video=video)
    with np.load(tmp_path / "a.npz") as arrays:
        assert str(arrays["markup"]) == "68"
        assert arrays["landmarks"].shape == (6, 68, 3)
        np.testing.assert_allclose(arrays["landmarks"][0], to_68(FRAMES[0][0].landmarks), atol=1e-3)


SMILES = [[tracked(0, 9, estimator=Smiling()), tracked(1, 0)], [], [tracked(0, 45, estimator=Smiling())]]


def test_blendshapes_in_tables(tmp_path):
    video = VideoInfo("clip.mp4", height=480, width=640, blendshapes=True)
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
    assert write(kind, tmp_path / f"a{FRAME_WRITERS[kind].ENDING}", frames=[[]] * 4) == []
    assert names(tmp_path) == set()


@pytest.mark.parametrize("kind", VIDEO_FORMATS)
def test_what_is_not_finished_is_not_there(tmp_path, kind):
    target = tmp_path / f"a{FRAME_WRITERS[kind].ENDING}"
    target.write_text("what was there")
    writer = FRAME_WRITERS[kind](target, VIDEO)
    writer.add(frame(FRAMES[0]))
    writer.discard()
    assert names(tmp_path) == {target.name}
    assert target.read_text() == "what was there"


@pytest.mark.parametrize("kind", VIDEO_FORMATS)
def test_a_full_disk_leaves_no_part(tmp_path, monkeypatch, kind):
    """The disk fills up when the files are put in their places."""
    target = tmp_path / f"a{FRAME_WRITERS[kind].ENDING}"
    writer = FRAME_WRITERS[kind](target, VIDEO)
    writer.add(frame(FRAMES[0]))

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        writer.finish(complete=True)
    writer.discard()
    assert names(tmp_path) == set()


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("kind", VIDEO_FORMATS)
def test_a_disk_that_fills_up_is_told_with_the_name_of_the_file(tmp_path, kind):
    import resource

    target = tmp_path / f"a{FRAME_WRITERS[kind].ENDING}"

    def written():
        writer = FRAME_WRITERS[kind](target, VIDEO)
        try:
            for time in range(400):
                writer.add(frame(FRAMES[0], time=time / 25))
            writer.finish(complete=True)
        finally:
            writer.discard()

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        with pytest.raises(OSError, match="File too large") as caught:
            written()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(target)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("kind", VIDEO_FORMATS)
def test_a_missing_folder_is_noticed_at_once(tmp_path, kind):
    with pytest.raises(FileNotFoundError):
        FRAME_WRITERS[kind](tmp_path / "nowhere" / f"a{FRAME_WRITERS[kind].ENDING}", VIDEO)


def test_keys_that_are_equal_in_single_precision_are_left_out(tmp_path):
    """After 20 hours, 240 frames a second are closer than what the format can tell apart."""
    times = [0.0, *(72_000 + np.arange(60) / 240)]
    write("gltf", tmp_path / "a.glb", frames=[[tracked(0, 0)]] * 61, times=times)
    content = GLTF2().load(str(tmp_path / "a.glb"))
    clock = _values(content, content.animations[0].samplers[0].input)[:, 0]
    assert (np.diff(clock) > 0).all()
    assert 30 < len(clock) < 61
    assert clock[-1] == pytest.approx(times[-1], abs=0.01)


@pytest.mark.parametrize(
    ("rate", "average"),
    [
        (30, 30.0),
        (30, 29.99),
        (30000 / 1001, 29.97),
        (24000 / 1001, 23.98),
        (25, 25.02),
        (60, 60.0),
        (50, 49.9),
    ],
)
@pytest.mark.parametrize("start", [0.0, 7.3334])
def test_live_link_counts_each_frame_once(tmp_path, rate, average, start):
    """Time stamps are rounded to milliseconds, as in Matroska."""
    times = [round(start + index / rate, 3) for index in range(4000)]
    writer = FRAME_WRITERS["livelink"](
        tmp_path / "a.livelink.csv", replace(VIDEO, rate=average, start=times[0])
    )
    face = tracked(0, 0)
    for index, time in enumerate(times):
        writer.add(frame([face], index, time))
    writer.finish(complete=True)
    in_second = round(rate)
    codes = [map(float, code.split(":")) for code in pd.read_csv(tmp_path / "a.livelink.csv")["Timecode"]]
    numbers = [((h * 60 + m) * 60 + s) * in_second + f for h, m, s, f in codes]
    assert numbers == list(range(4000))


def test_frames_that_a_camera_lost_are_not_counted_over(tmp_path):
    times = [round(index / 30, 3) for index in (0, 1, 2, 5, 6, 40)]
    write(
        "livelink",
        tmp_path / "a.livelink.csv",
        video=replace(VIDEO, rate=30),
        frames=[[tracked(0, 0)]] * 6,
        times=times,
    )
    codes = pd.read_csv(tmp_path / "a.livelink.csv")["Timecode"]
    assert [code[6:] for code in codes] == [
        *("00:00.000", "00:01.000", "00:02.000", "00:05.000", "00:06.000", "01:10.000"),
    ]


def test_a_frame_size_that_changes(tmp_path):
    for kind in ("json", "npz", "openface", "gltf"):
        writer = FRAME_WRITERS[kind](tmp_path / f"a{FRAME_WRITERS[kind].ENDING}", VIDEO)
        writer.add(frame(FRAMES[0]))
        writer.add(frame(FRAMES[0], 1, 0.04, 240, 320))
        writer.finish(complete=True)
    first, second = json.loads((tmp_path / "a.json").read_text())["frames"]
    assert "width" not in first
    assert (second["width"], second["height"]) == (320, 240)
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["size"].tolist() == [480, 640]
        assert arrays["frame_size"].tolist() == [[480, 640], [240, 320]]
    distance = FRAMES[0][0].perspective_pose(Camera.assumed(height=240, width=320)).translation[2]
    assert pd.read_csv(tmp_path / "a.openface.csv")["pose_Tz"].iloc[2] == pytest.approx(distance, rel=1e-5)


@pytest.mark.parametrize("kind", ["json", "npz"])
def test_names_that_are_not_utf8(tmp_path, kind):
    video = replace(VIDEO, video="caf\udce9.mp4")
    write(kind, tmp_path / "a", video=video)
    if kind == "json":
        assert json.loads((tmp_path / "a").read_text(encoding="utf-8"))["video"] == "caf\udce9.mp4"


def test_long_names(tmp_path):
    name = "x" * (255 - len(".livelink.csv")) + ".livelink.csv"
    assert write("livelink", tmp_path / name, frames=[[tracked(0, 0)]] * 4) == [tmp_path / name]
