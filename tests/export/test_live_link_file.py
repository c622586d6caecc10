"""Live Link Face's columns, by name, hold what was given; what is not known is 0."""

import csv
import math
from pathlib import Path

import pandas as pd
import pytest

from face_alignment_3d.arkit import BLENDSHAPES, require_blendshapes
from face_alignment_3d.export import LiveLinkFrame, write_live_link_csv
from tests.export.known_faces import known_face


def test_names() -> None:
    assert len(BLENDSHAPES) == len(set(BLENDSHAPES)) == 52
    for name in ("eyeBlinkLeft", "jawOpen", "mouthSmileRight", "browInnerUp", "noseSneerLeft", "tongueOut"):
        assert name in BLENDSHAPES
    lefts = {name.removesuffix("Left") for name in BLENDSHAPES if name.endswith("Left")}
    assert lefts == {name.removesuffix("Right") for name in BLENDSHAPES if name.endswith("Right")}
    assert len(lefts) == 20  # jawLeft and mouthLeft among them.


def test_rows(tmp_path: Path) -> None:
    face = known_face(45)
    frames = [
        LiveLinkFrame({"jawOpen": 0.5, "eyeBlinkLeft": 1, "tongueOut": math.nan}, face.pose),
        *[LiveLinkFrame(None, None)] * 61,
    ]
    write_live_link_csv(tmp_path / "x.csv", frames)
    table = pd.read_csv(tmp_path / "x.csv")
    assert len(table) == 62
    assert len(table.columns) == 63
    assert list(table.columns[[0, 1, 2, 53, 54, -1]]) == [
        *("Timecode", "BlendShapeCount", "EyeBlinkLeft", "TongueOut", "HeadYaw", "RightEyeRoll"),
    ]
    assert (table["BlendShapeCount"] == 61).all()
    first = table.iloc[0]
    assert (first["JawOpen"], first["EyeBlinkLeft"], first["TongueOut"]) == (0.5, 1, 0)
    assert first["HeadYaw"] * 180 == pytest.approx(face.pose.yaw, abs=1e-3)
    assert first["HeadPitch"] * 180 == pytest.approx(face.pose.pitch, abs=1e-3)
    assert first["HeadRoll"] * 180 == pytest.approx(face.pose.roll, abs=1e-3)
    assert (table.iloc[1:, 2:] == 0).all().all()
    assert table["Timecode"][[0, 59, 60, 61]].tolist() == [
        "00:00:00:00.000",
        "00:00:00:59.000",
        "00:00:01:00.000",
        "00:00:01:01.000",
    ]


def test_timecodes_run_through_hours(tmp_path: Path) -> None:
    write_live_link_csv(tmp_path / "x.csv", [LiveLinkFrame()] * 3662, frames_per_second=1)
    with (tmp_path / "x.csv").open(newline="") as handle:
        assert list(csv.reader(handle))[-1][0] == "01:01:01:00.000"


def test_timecodes_follow_time_stamps(tmp_path: Path) -> None:
    times = (0, 1 / 30, 0.05, 0.9999999, 61.5)
    frames = [LiveLinkFrame(time=time) for time in times]
    write_live_link_csv(tmp_path / "x.csv", frames, frames_per_second=29.97)
    assert pd.read_csv(tmp_path / "x.csv")["Timecode"].tolist() == [
        # 61.5 s are 1,843.157 frames of 30,000 / 1,001 a second, and 30 of these are counted as a second.
        *("00:00:00:00.000", "00:00:00:01.000", "00:00:00:01.499", "00:00:01:00.000", "00:01:01:13.157"),
    ]
    with pytest.raises(ValueError, match="time must be in seconds from 0 on; got -1"):
        LiveLinkFrame(time=-1)


def test_what_is_no_blendshape(tmp_path: Path) -> None:
    wrong = [({"JawOpen": 0.1}, "ARKit's names.*JawOpen"), ({"jawOpen": 1.2}, "jawOpen = 1.2")]
    for blendshapes, message in wrong:
        with pytest.raises(ValueError, match=message):
            write_live_link_csv(tmp_path / "x.csv", [LiveLinkFrame(blendshapes)])
    with pytest.raises(ValueError, match="frames_per_second"):
        write_live_link_csv(tmp_path / "x.csv", [], frames_per_second=math.nan)
    assert list(tmp_path.iterdir()) == []
    require_blendshapes({"jawOpen": math.nan, "cheekPuff": 1.0})
