"""Videos in and out: time stamps, rotation, audio, damage."""

from fractions import Fraction

import numpy as np
import pytest

from face_alignment_3d.errors import BackendError, VideoError
from face_alignment_3d.video import containers
from face_alignment_3d.video.reader import VideoReader
from face_alignment_3d.video.writer import VideoWriter
from tests.video.videos import audio_seconds, copy_video, picture, read_pictures, read_times, write_video

STEADY = [round(1000 * i / 30) for i in range(30)]
VARIABLE = [0, 33, 70, 100, 300, 333, 500, 900, 933]


def _read(path):
    with VideoReader(path) as video:
        frames = list(video.frames())
    return frames, video


@pytest.mark.parametrize("times", [STEADY, VARIABLE])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_time_stamps_are_read(tmp_path, times, ending):
    frames, video = _read(write_video(tmp_path / f"a.{ending}", times))
    np.testing.assert_allclose([frame.time for frame in frames], np.array(times) / 1000, atol=0.0011)
    assert [frame.index for frame in frames] == list(range(len(times)))
    assert video.problem is None
    assert np.abs(frames[3].image_rgb.astype(int) - picture(3)).mean() < 6


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_applied(tmp_path, rotation):
    """Turned as a player shows it: the matrix turns the stored picture counter-clockwise."""
    frames, _ = _read(write_video(tmp_path / "a.mp4", STEADY[:4], rotation=rotation))
    upright = np.rot90(picture(1), rotation // 90)
    assert frames[1].image_rgb.shape == upright.shape
    assert np.abs(frames[1].image_rgb.astype(int) - upright).mean() < 6


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("flips", [(True, False), (False, True)])
def test_mirrored_videos_are_shown_mirrored(tmp_path, rotation, flips):
    frames, _ = _read(write_video(tmp_path / "a.mp4", STEADY[:4], rotation=rotation, flips=flips))
    shown = np.rot90(picture(1), rotation // 90)
    shown = shown[:, ::-1] if flips[0] else shown[::-1]
    assert frames[1].image_rgb.shape == shown.shape
    assert np.abs(frames[1].image_rgb.astype(int) - shown).mean() < 6


def test_how_long_it_should_be(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mp4", STEADY)) as video:
        assert video.expected_frames == 30
        assert video.duration == pytest.approx(1.0, abs=0.05)


def test_a_video_that_breaks_off(tmp_path):
    times = [round(1000 * i / 30) for i in range(300)]
    whole = write_video(tmp_path / "whole.mp4", times, options={"movflags": "faststart"})
    content = whole.read_bytes()
    part = tmp_path / "part.mp4"
    part.write_bytes(content[: len(content) // 2])
    frames, video = _read(part)
    assert 50 < len(frames) < 290
    assert video.problem is not None
    assert "breaks off" in video.problem
    assert "of 10.0 s" in video.problem


def test_a_damaged_video_gives_what_it_has(tmp_path):
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
    times = [round(1000 * i / 30) for i in range(60)]
    path = write_video(tmp_path / "a.mp4", times, frames=noise)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = bytes(generator.integers(0, 255, 20_000, dtype=np.uint8))
    path.write_bytes(content)
    frames, video = _read(path)
    assert 20 < len(frames) <= 60
    assert video.problem is not None
    assert (np.diff([frame.time for frame in frames]) > 0).all()


def test_no_video(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.mp4 cannot be read as a video"):
        VideoReader(tmp_path / "text.mp4")
    with pytest.raises(FileNotFoundError, match="no such video"):
        VideoReader(tmp_path / "nowhere.mp4")


def test_without_pyav(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(BackendError, match=r"face-alignment-3d\[video\]"):
        VideoReader(tmp_path / "a.mp4")


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("times", [STEADY, VARIABLE])
def test_time_stamps_are_kept(tmp_path, ending, times):
    copy = tmp_path / f"b.{ending}"
    copy_video(write_video(tmp_path / "a.mp4", times), copy)
    np.testing.assert_allclose(read_times(copy), np.array(times) / 1000, atol=0.0011)
    for index, image in enumerate(read_pictures(copy)):
        assert np.abs(image.astype(int) - picture(index)).mean() < 8
    assert {file.name for file in tmp_path.iterdir()} == {"a.mp4", f"b.{ending}"}


def test_a_turned_video_plays_upright(tmp_path):
    copy = tmp_path / "b.mp4"
    copy_video(write_video(tmp_path / "a.mp4", STEADY[:5], rotation=90), copy)
    frames, _ = _read(copy)
    assert np.abs(frames[2].image_rgb.astype(int) - np.rot90(picture(2))).mean() < 8


@pytest.mark.parametrize("shape", [(720, 1280), (48, 64)])
def test_colors_are_kept(tmp_path, shape):
    image = np.full((*shape, 3), (200, 60, 40), np.uint8)
    with VideoWriter(
        tmp_path / "a.mp4", height=shape[0], width=shape[1], time_base=Fraction(1, 30), rate=Fraction(30)
    ) as writer:
        writer.write(image, pts=0)
        writer.write(image, pts=1)
        writer.finish()
    frames, _ = _read(tmp_path / "a.mp4")
    assert np.abs(frames[0].image_rgb.astype(int) - image).max() <= 4


@pytest.mark.parametrize(("codec", "ending"), [("aac", "mp4"), ("libmp3lame", "mkv"), ("pcm_s16le", "mkv")])
def test_audio_is_kept(tmp_path, codec, ending):
    source = write_video(tmp_path / f"a.{ending}", STEADY, audio_codec=codec)
    seconds, _ = audio_seconds(source)
    copy_video(source, tmp_path / "b.mp4")
    copied, loudness = audio_seconds(tmp_path / "b.mp4")
    assert copied == pytest.approx(seconds, abs=0.15)
    assert loudness > 0.1


def test_audio_ends_where_the_video_was_stopped(tmp_path):
    times = [round(1000 * i / 30) for i in range(90)]
    source = write_video(tmp_path / "a.mp4", times, audio_codec="aac")
    copy = tmp_path / "b.mp4"
    copy_video(source, copy, frames=30, complete=False)
    assert len(read_times(copy)) == 30
    assert audio_seconds(copy)[0] == pytest.approx(1.0, abs=0.2)


def test_odd_sizes(tmp_path):
    image = picture(0)[:47, :63]
    with VideoWriter(
        tmp_path / "a.mp4", height=47, width=63, time_base=Fraction(1, 30), rate=Fraction(30)
    ) as writer:
        writer.write(image, pts=0)
        writer.finish()
    (written,) = read_pictures(tmp_path / "a.mp4")
    assert written.shape == (48, 64, 3)
    assert np.abs(written[:47, :63].astype(int) - image).mean() < 8


def test_what_is_not_finished_is_not_there(tmp_path):
    target = tmp_path / "a.mp4"
    target.write_text("what was there")
    options = {"height": 48, "width": 64, "time_base": Fraction(1, 30), "rate": Fraction(30)}
    with VideoWriter(target, **options) as writer:
        writer.write(picture(0), pts=0)
    assert target.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [target]


def test_wrong_calls(tmp_path):
    options = {"height": 48, "width": 64, "time_base": Fraction(1, 30), "rate": Fraction(30)}
    with pytest.raises(VideoError, match=r"\.mp4, \.mov, \.mkv"):
        VideoWriter(tmp_path / "a.avi", **options)
    with pytest.raises(VideoError, match="cannot be written"):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", **options)
    with VideoWriter(tmp_path / "a.mp4", **options) as writer:
        gray = picture(0)[:, :, 0]
        with pytest.raises(VideoError, match="must be of shape"):
            writer.write(gray, pts=0)
        with pytest.raises(VideoError, match="no frames"):
            writer.finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quota", [3, None])
def test_threads_follow_the_quota_of_the_container(tmp_path, monkeypatch, quota):
    monkeypatch.setattr(containers, "cpu_quota", lambda: quota)
    write_video(tmp_path / "video.mp4", [0, 40], rate=25)
    with VideoReader(tmp_path / "video.mp4") as reader:
        assert reader._stream.codec_context.thread_count == (quota or 0)
        assert len(list(reader.frames())) == 2
    timing = {"time_base": Fraction(1, 25), "rate": Fraction(25)}
    with VideoWriter(tmp_path / "new.mp4", height=48, width=64, **timing) as writer:
        assert writer._stream.codec_context.thread_count == (quota or 0)
        writer.write(picture(0), pts=0)
        writer.finish()
    assert len(read_pictures(tmp_path / "new.mp4")) == 1
