"""Videos as phones, recorders and joiners of files make them: all that players show is read and written."""

import os
import struct
import subprocess
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from face_alignment_3d.errors import VideoError
from face_alignment_3d.video.containers import RisingStamps
from face_alignment_3d.video.reader import VideoReader
from tests.video import videos
from tests.video.videos import HEIGHT, WIDTH, audio_seconds, copy_video, picture, read_pictures, read_times

write_video = partial(videos.write_video, rate=25)
STEADY = [40 * index for index in range(50)]


def _read(path):
    with VideoReader(path) as video:
        expected = video.expected_frames
        frames = list(video.frames())
    return frames, video, expected


def _remux(source, target, change, **options):
    """The packets of ``source``, as ``change(packet, number in its stream)`` leaves them; None drops one."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        tracks = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        counts = dict.fromkeys(tracks, 0)
        for packet in old.demux():
            if packet.dts is None:
                continue
            number = counts[packet.stream.index]
            counts[packet.stream.index] += 1
            changed = change(packet, number)
            if changed is not None:
                changed.stream = tracks[packet.stream.index]
                new.mux(changed)
    return target


def _later(seconds):
    def change(packet, _):
        shift = round(seconds / packet.time_base)
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
        return packet

    return change


# Trimmed without being encoded anew


@pytest.mark.parametrize("seconds", [0.52, 1.0, 1.28])
@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize("audio", [None, "aac"])
def test_a_beginning_that_is_hidden(tmp_path, ending, audio, seconds):
    source = write_video(tmp_path / "a.mp4", STEADY, audio_codec=audio)
    trimmed = _remux(source, tmp_path / f"b.{ending}", _later(-seconds))
    frames, video, expected = _read(trimmed)
    shown = [time for time in read_times(trimmed) if time >= 0]
    assert video.problem is None
    assert len(frames) == expected == len(shown) < 50
    np.testing.assert_allclose([frame.time for frame in frames], shown)


def test_an_end_that_is_hidden(tmp_path):
    content = bytearray(write_video(tmp_path / "a.mp4", STEADY).read_bytes())
    struct.pack_into(">I", content, content.index(b"elst") + 12, 1200)
    (tmp_path / "b.mp4").write_bytes(content)
    frames, video, expected = _read(tmp_path / "b.mp4")
    assert video.problem is None
    assert len(frames) == expected == len(read_times(tmp_path / "b.mp4")) == 30


def test_a_trimmed_video_that_breaks_off_is_told(tmp_path):
    source = write_video(tmp_path / "a.mp4", [40 * index for index in range(150)])
    trimmed = _remux(source, tmp_path / "b.mp4", _later(-1), movflags="faststart")
    content = trimmed.read_bytes()
    (tmp_path / "c.mp4").write_bytes(content[: len(content) * 2 // 3])
    frames, video, _ = _read(tmp_path / "c.mp4")
    assert 10 < len(frames) < 120
    assert "breaks off" in video.problem


# Clocks


@pytest.mark.parametrize("start", [0.5, 1.4, 80_000.0])
@pytest.mark.parametrize("ending", ["mkv", "webm", "mp4", "ts", "mov"])
def test_a_clock_that_starts_late(tmp_path, ending, start):
    if ending == "webm":
        source = _vp9(tmp_path / "a.webm", 50)
    else:
        source = write_video(tmp_path / f"a.{ending}", STEADY, reordered=False)
    late = _remux(source, tmp_path / f"late.{ending}", _later(start))
    frames, video, expected = _read(late)
    assert video.problem is None
    assert len(frames) == 50
    assert expected == pytest.approx(50, abs=1)
    with VideoReader(late) as again:
        assert again.duration == pytest.approx(2.0, abs=0.1)
    copy_video(late, tmp_path / "out.mp4")
    times = read_times(tmp_path / "out.mp4")
    assert times[0] < 0.1
    np.testing.assert_allclose(np.diff(times), 0.04, atol=0.0011)


@pytest.mark.parametrize("before", [2.5, 1.0, 0.5])
@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv"])
def test_a_clock_that_is_about_to_begin_anew(tmp_path, before, target):
    """That of transport streams does after 26.5 hours; FFmpeg gives negative times until then."""
    source = write_video(tmp_path / "a.ts", STEADY, reordered=False, audio_codec="aac")
    wrap = 2**33 / 90_000

    def change(packet, number):
        packet = _later(wrap - before - 1.4)(packet, number)  # The muxer begins at 1.4 s by itself.
        beyond = round(wrap / packet.time_base)
        return packet if packet.pts < beyond and packet.dts < beyond else None

    late = _remux(source, tmp_path / "late.ts", change)
    frames, video, _ = _read(late)
    assert video.problem is None
    assert frames[0].time < 0
    copy_video(late, tmp_path / target)
    times = read_times(tmp_path / target)
    assert len(times) == len(frames) > 10
    assert times[0] == pytest.approx(0, abs=0.1)
    assert audio_seconds(tmp_path / target)[0] == pytest.approx(len(frames) / 25, abs=0.2)


def _vp9(path, frames):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libvpx-vp9", rate=25, options={"deadline": "realtime", "cpu-used": "8"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_audio_stays_in_step_where_the_clock_starts_late(tmp_path):
    source = write_video(tmp_path / "a.mkv", STEADY, audio_codec="aac", reordered=False)
    late = _remux(source, tmp_path / "late.mkv", _later(500))
    copy_video(late, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        starts = [float((stream.start_time or 0) * stream.time_base) for stream in container.streams]
    np.testing.assert_allclose(starts, 0, atol=0.1)
    assert audio_seconds(tmp_path / "out.mp4")[0] == pytest.approx(2, abs=0.15)


def test_audio_that_is_longer_than_the_pictures_is_no_damage(tmp_path):
    source = write_video(tmp_path / "a.mkv", STEADY, audio_codec="aac", reordered=False)

    def half(packet, _):
        return None if packet.stream.type == "video" and packet.pts * packet.time_base >= 1 else packet

    shorter = _remux(source, tmp_path / "b.mkv", half)
    frames, video, _ = _read(shorter)
    assert len(frames) == 25
    assert video.problem is None


def test_parts_that_were_joined(tmp_path):
    parts = [write_video(tmp_path / f"{name}.ts", STEADY, audio_codec="aac").read_bytes() for name in "abc"]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    frames, video, _ = _read(tmp_path / "joined.ts")
    assert video.problem is None
    assert len(frames) == 150
    np.testing.assert_allclose(np.diff([frame.time for frame in frames]), 0.04, atol=0.01)
    writer = copy_video(tmp_path / "joined.ts", tmp_path / "out.mp4")
    assert len(read_times(tmp_path / "out.mp4")) == 150
    assert audio_seconds(tmp_path / "out.mp4")[0] == pytest.approx(6, abs=0.4)
    assert not writer.is_audio_incomplete


def test_time_stamps_that_come_twice(tmp_path):
    source = write_video(tmp_path / "a.mp4", STEADY, options={})
    seen = []

    def twice(packet, number):
        if number == 20:
            packet.pts = seen[-1]
        seen.append(packet.pts)
        return packet

    frames, video, _ = _read(_remux(source, tmp_path / "b.mkv", twice))
    assert len(frames) == 50
    assert (np.diff([frame.time for frame in frames]) > 0).all()
    assert video.problem is None


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([0, 10, 20], [0, 10, 20]),
        ([0, 10, 10, 20], [0, 10, 11, 20]),
        ([0, 10, 5, 20], [0, 10, 11, 20]),
        ([100, 110, 120, 0, 10], [100, 110, 120, 130, 140]),
        ([0, 10, 900, 0, 10], [0, 10, 900, 910, 920]),
    ],
)
def test_stamps_rise(stamps, expected):
    repair = RisingStamps()
    assert [repair.next(stamp, step=10) for stamp in stamps] == expected
    assert repair.repaired == (stamps != expected)


# Audio


def _with_audio(path, codec, rate, *, layout="mono", again=None):
    """Two seconds of pictures and a tone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream(codec, rate=rate, layout=layout)
        packets = []
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(picture(index), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        channels = av.AudioLayout(layout).nb_channels
        resampler = av.AudioResampler(audio.format, layout, rate, audio.codec_context.frame_size or 960)
        tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)).astype(np.int16)
        heard = []
        for start in range(0, len(tone) - 959, 960):
            samples = np.repeat(tone[start : start + 960], channels)[None]
            frame = av.AudioFrame.from_ndarray(samples, "s16", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            heard += [packet for part in resampler.resample(frame) for packet in audio.encode(part)]
        heard += audio.encode(None)
        if again is not None:
            heard[again].pts, heard[again].dts = heard[again - 1].pts, heard[again - 1].dts
        for packet in sorted(packets + heard, key=lambda p: float(p.dts * p.time_base)):
            container.mux(packet)
    return path


@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize(
    ("source", "codec", "rate", "layout"),
    [
        ("a.mkv", "pcm_s16le", 192_000, "mono"),
        ("a.mkv", "pcm_s24le", 88_200, "stereo"),
        ("a.mkv", "pcm_s16le", 48_000, "5.1"),
        ("a.mkv", "pcm_u8", 5_512, "mono"),
        ("a.avi", "pcm_s16le", 44_100, "stereo"),
        ("a.mkv", "libopus", 48_000, "mono"),
        ("a.mkv", "flac", 96_000, "stereo"),
        ("a.ts", "aac", 48_000, "stereo"),
        ("a.ts", "mp2", 48_000, "stereo"),
    ],
)
def test_audio_of_any_kind_goes_into_any_container(tmp_path, source, codec, rate, layout, target):
    writer = copy_video(_with_audio(tmp_path / source, codec, rate, layout=layout), tmp_path / target)
    assert len(read_times(tmp_path / target)) == 50
    seconds, loudness = audio_seconds(tmp_path / target)
    assert seconds == pytest.approx(2, abs=0.2)
    assert loudness > 0.1
    assert not writer.is_audio_incomplete


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_audio_stamps_that_come_twice_are_repaired(tmp_path, codec):
    source = _with_audio(tmp_path / "a.mkv", codec, 48_000, again=20)
    writer = copy_video(source, tmp_path / "out.mp4")
    assert len(read_times(tmp_path / "out.mp4")) == 50
    assert audio_seconds(tmp_path / "out.mp4")[0] == pytest.approx(2, abs=0.2)
    assert not writer.is_audio_incomplete
    assert "repaired" in writer.warnings[0]


@pytest.mark.parametrize(
    "failing", ["_can_copy", "_CopiedTrack.write", "_CopiedTrack.__init__", "open_input"]
)
def test_audio_that_cannot_be_copied_does_not_end_the_video(tmp_path, monkeypatch, failing):
    def fail(*_, **__):
        raise ValueError("odd audio")

    monkeypatch.setattr(f"face_alignment_3d.video.audio.{failing}", fail)
    writer = copy_video(_with_audio(tmp_path / "a.mkv", "aac", 48_000), tmp_path / "out.mp4")
    assert len(read_times(tmp_path / "out.mp4")) == 50
    assert writer.is_audio_incomplete
    assert "odd audio" in writer.warnings[0]


# Pictures


def _of_sizes(folder, *sizes):
    """Joined .ts parts of a second each."""
    parts = []
    for number, (height, width) in enumerate(sizes):
        part = write_video(folder / f"{number}.ts", STEADY[:25], height=height, width=width)
        parts.append(_remux(part, folder / f"{number}.later.ts", _later(number)).read_bytes())
    (folder / "sizes.ts").write_bytes(b"".join(parts))
    return folder / "sizes.ts"


def test_a_frame_size_that_changes(tmp_path):
    source = _of_sizes(tmp_path, (48, 64), (96, 64), (48, 64))
    frames, _, _ = _read(source)
    assert len(frames) == 75
    assert [frames[index].image_rgb.shape[:2] for index in (0, 40, 70)] == [(48, 64), (96, 64), (48, 64)]
    copy_video(source, tmp_path / "out.mp4")
    pictures = read_pictures(tmp_path / "out.mp4")
    assert len(pictures) == 75
    assert {image.shape for image in pictures} == {(48, 64, 3)}
    assert np.abs(pictures[70].astype(int) - picture(20)).mean() < 10
    borders = pictures[40][:, [*range(12), *range(52, 64)]]  # Half as large it is 32 pixels wide.
    assert borders.mean() < 12
    assert pictures[40][4, 20, 0] > 120


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("ratio", "shape"),
    [(2, (48, 128)), (Fraction(16, 11), (48, 93)), (Fraction(1, 2), (96, 64)), (1, (48, 64))],
)
@pytest.mark.parametrize("rotation", [0, 90])
def test_pixels_that_are_not_square(tmp_path, ending, ratio, shape, rotation):
    if rotation and ending == "ts":
        pytest.skip("this container has no rotation")
    path = tmp_path / f"a.{ending}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(ratio)
        if rotation:
            videos.turn(stream, rotation)
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(picture(index), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames, _, _ = _read(path)
    expected = shape[::-1] if rotation else shape
    assert frames[0].image_rgb.shape[:2] == expected
    copy_video(path, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        shown = container.streams.video[0]
        ratio_shown = shown.width * (shown.sample_aspect_ratio or 1) / shown.height
    assert float(ratio_shown) == pytest.approx(expected[1] / expected[0], rel=0.03)


# Names


@pytest.mark.parametrize(
    "name", ["12:30", "http:x", "2024-01-01T12:30:00", "file:a", "pipe:0", "100%d", "a b", "caf\udce9", "-o"]
)
def test_names_are_names_of_files(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    content = write_video(tmp_path / "a.mp4", STEADY[:5], audio_codec="aac").read_bytes()
    with open(f"{name}.mp4", "wb") as file:  # noqa: PTH123 - as a user's shell does
        file.write(content)
    frames, video, _ = _read(f"{name}.mp4")
    assert (len(frames), video.problem) == (5, None)
    writer = copy_video(f"{name}.mp4", video.path.with_name(f"{name}_out.mp4"))
    assert writer.warnings == []
    assert {os.fsdecode(file) for file in os.listdir(".")} == {"a.mp4", f"{name}.mp4", f"{name}_out.mp4"}  # noqa: PTH208


def test_a_local_list_does_not_reach_the_network(tmp_path):
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(VideoError):
        VideoReader(tmp_path / "list.m3u8")


# No pictures


def test_audio_alone(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    with pytest.raises(VideoError, match="has no pictures"):
        VideoReader(tmp_path / "a.m4a")


def test_a_video_without_frames(tmp_path):
    source = write_video(tmp_path / "a.mkv", STEADY, audio_codec="aac", reordered=False)
    empty = _remux(source, tmp_path / "b.mkv", lambda p, _: None if p.stream.type == "video" else p)
    frames, video, _ = _read(empty)
    assert frames == []
    assert video.problem == "no frame could be read"


@pytest.mark.parametrize("ending", ["avi", "ts", "mkv", "mov"])
def test_every_container_is_complete(tmp_path, ending):
    frames, video, expected = _read(write_video(tmp_path / f"a.{ending}", STEADY))
    assert len(frames) == 50
    assert ending == "avi" or expected == pytest.approx(50, abs=1)  # AVI counts the repeats between frames.
    assert video.problem is None


def test_a_fragmented_file_is_complete(tmp_path):
    path = write_video(tmp_path / "a.mp4", STEADY, options={"movflags": "frag_keyframe+empty_moov"})
    frames, video, _ = _read(path)
    assert (len(frames), video.problem) == (50, None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("most", [0, 2000])
@pytest.mark.parametrize("audio", [None, "aac", "pcm_s16le"])
def test_a_disk_that_is_full(tmp_path, ending, most, audio):
    """In a process of its own, as FFmpeg may crash after a header that could not be written."""
    write_video(tmp_path / "in.mov", [40 * index for index in range(20)], audio_codec=audio)
    code = (
        "import resource, sys; from pathlib import Path; from tests.video.videos import copy_video\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n"
        f"copy_video(Path('in.mov'), Path('out.{ending}'))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stderr
    assert f"VideoError: out.{ending} cannot be written: " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.mov"]
